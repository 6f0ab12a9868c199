import { type Selectable, sql } from 'kysely';
import type { InvocationId } from '../../../shared/ids.ts';
import type { DeadLetterFilter, DeadLetterReason } from '../../core/ports/invocation-queue.ts';
import type { DeadLetterRecord, Page, PageRequest } from '../../core/ports/store.ts';
import { bufferOf } from '../columns.ts';
import { decodeCursor, encodeCursor, pageOf } from '../cursor.ts';
import { type SqlSession, touched } from '../sql-session.ts';
import type { DeadLetterRow, InvocationRow, PayloadRow } from '../tables.ts';
import { template } from '../template.ts';
import { toInvocationRecord } from './invocation-rows.ts';
import { ofProject } from './of-project.ts';
import { toKeptRequest } from './requests.ts';

export const insertDeadLetter = template<Omit<DeadLetterRow, 'seq'>>((db, slot) =>
  db.insertInto('dead_letters').values({
    invocation_id: slot.invocation_id,
    function_id: slot.function_id,
    reason: slot.reason,
    dead_at: slot.dead_at,
  }),
);
const deleteDeadLetter = template<{ readonly id: InvocationId }>((db, slot) =>
  db.deleteFrom('dead_letters').where('invocation_id', '=', slot.id),
);
const letGo = template<{ readonly id: InvocationId }>((db, slot) =>
  db.updateTable('invocations').set({ is_kept: 0 }).where('id', '=', slot.id),
);

type Joined = Selectable<InvocationRow> & {
  readonly body: PayloadRow['body'] | null;
  readonly reason: DeadLetterReason;
  readonly dead_at: number;
  readonly dead_seq: number;
  readonly request_head: string | null;
  readonly request_body: Uint8Array | null;
};

/** Table `dead_letters`: invocations that were given up, kept with their payload until somebody removes them. */
export class DeadLetterModel {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  /** Newest first. */
  async list({ project, functionId }: DeadLetterFilter, page: PageRequest): Promise<Page<DeadLetterRecord>> {
    const key = decodeCursor('dead-letters', ['n', 'n'], page.cursor);
    let query = this.#session.db
      .selectFrom('dead_letters as d')
      // A cross join keeps the order: beginning with the invocations of a project would walk a million of them.
      .crossJoin('invocations as i')
      .whereRef('i.id', '=', 'd.invocation_id')
      .leftJoin('payloads as p', (on) =>
        on.onRef('p.invocation_id', '=', 'd.invocation_id').on('p.kind', '=', 'payload'),
      )
      .leftJoin('requests as r', 'r.invocation_id', 'd.invocation_id')
      .selectAll('i')
      .select(['r.head as request_head', 'r.body as request_body'])
      .select(['p.body', 'd.reason', 'd.dead_at', 'd.seq as dead_seq'])
      .orderBy('d.dead_at', 'desc')
      .orderBy('d.seq', 'desc')
      .limit(page.limit + 1);
    const { flavour } = this.#session;
    if (functionId !== undefined) query = query.where('d.function_id', '=', functionId);
    if (project !== undefined) query = query.where(({ ref }) => ofProject(flavour, ref('i.function_name'), project));
    if (key !== undefined) {
      const [at, seq] = key.map(Number);
      query = query.where(sql<boolean>`(d.dead_at, d.seq) < (${at}, ${seq})`);
    }
    return pageOf<Joined, DeadLetterRecord>(await query.execute(), page.limit, toRecord, (row) =>
      encodeCursor('dead-letters', [row.dead_at, row.dead_seq]),
    );
  }

  async count({ project, functionId }: DeadLetterFilter, limit: number): Promise<number> {
    let query = this.#session.db.selectFrom('dead_letters as d').select('d.seq').limit(limit);
    if (functionId !== undefined) query = query.where('d.function_id', '=', functionId);
    if (project !== undefined) {
      const { flavour } = this.#session;
      query = query
        .crossJoin('invocations as i')
        .whereRef('i.id', '=', 'd.invocation_id')
        .where(({ ref }) => ofProject(flavour, ref('i.function_name'), project));
    }
    return (await query.execute()).length;
  }

  /** The invocation itself stays until its retention ends. */
  async remove(id: InvocationId): Promise<boolean> {
    return touched(
      await this.#session.write([this.#session.step(deleteDeadLetter, { id }, 1), this.#session.step(letGo, { id })]),
    );
  }
}

function toRecord(row: Joined): DeadLetterRecord {
  return {
    invocation: toInvocationRecord(row),
    reason: row.reason,
    deadAt: row.dead_at,
    payload: row.body === null ? Buffer.alloc(0) : bufferOf(row.body),
    request: toKeptRequest({ head: row.request_head, body: row.request_body, response_body: null }),
  };
}
