import { type Selectable, sql } from 'kysely';
import type { InvocationId } from '../../../shared/ids.ts';
import { prefixOf, projectOf } from '../../../shared/names.ts';
import type {
  InvocationFilter,
  InvocationPayload,
  InvocationRecord,
  InvocationStore,
  Page,
  PageRequest,
} from '../../core/ports/store.ts';
import { bufferOf } from '../columns.ts';
import { decodeCursor, encodeCursor, pageOf } from '../cursor.ts';
import { rowsOf, type SqlSession, type Step } from '../sql-session.ts';
import type { InvocationRow, PayloadRow } from '../tables.ts';
import { template } from '../template.ts';
import { DeadLetterModel } from './dead-letters.ts';
import { insertInvocation, toInvocationRecord, toInvocationRow } from './invocation-rows.ts';
import { ofProject } from './of-project.ts';
import { payloadSteps } from './payloads.ts';
import { deleteInSteps } from './prune.ts';

const selectInvocation = template<{ readonly id: InvocationId }>((db, slot) =>
  db.selectFrom('invocations').selectAll().where('id', '=', slot.id),
);
/** Reads no more of one that is another project's than it takes to see that. */
const selectOwnInvocation = template<{ readonly id: InvocationId; readonly prefix: string }>((db, slot, flavour) =>
  db
    .selectFrom('invocations')
    .selectAll()
    .where('id', '=', slot.id)
    .where(({ ref }) => sql<boolean>`${flavour.projectPrefix(ref('function_name'))} = ${slot.prefix}`),
);
const selectPayloads = template<{ readonly id: InvocationId }>((db, slot) =>
  db.selectFrom('payloads').select(['kind', 'body']).where('invocation_id', '=', slot.id),
);

/** Table `invocations`, with `payloads` and, for its list, `dead_letters`. */
export class InvocationModel implements InvocationStore {
  readonly #session: SqlSession;
  readonly #deadLetters: DeadLetterModel;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
    this.#deadLetters = new DeadLetterModel(options);
  }

  async record(
    batch: readonly { readonly record: InvocationRecord; readonly payload: InvocationPayload | undefined }[],
  ): Promise<void> {
    if (batch.length === 0) return;
    const steps: Step[] = [];
    for (const { record, payload } of batch) {
      const bodies = [
        ...payloadSteps(this.#session, record.id, 'payload', payload?.payload),
        ...payloadSteps(this.#session, record.id, 'result', payload?.result),
      ];
      steps.push(this.#session.step(insertInvocation, toInvocationRow(record), bodies.length), ...bodies);
    }
    await this.#session.write(steps);
  }

  async find(id: InvocationId, project?: string): Promise<(InvocationRecord & InvocationPayload) | undefined> {
    const record =
      project === undefined
        ? this.#session.step(selectInvocation, { id }, 1)
        : this.#session.step(selectOwnInvocation, { id, prefix: prefixOf(project) }, 1);
    const [found, bodies] = await this.#session.read([record, this.#session.step(selectPayloads, { id })]);
    const [row] = rowsOf<Selectable<InvocationRow>>(found);
    if (row === undefined) return undefined;
    const kept = rowsOf<Pick<PayloadRow, 'kind' | 'body'>>(bodies);
    const bodyOf = (kind: PayloadRow['kind']) => {
      const body = kept.find((candidate) => candidate.kind === kind)?.body;
      return body && bufferOf(body);
    };
    return { ...toInvocationRecord(row), payload: bodyOf('payload'), result: bodyOf('result') };
  }

  /** From `from` (included) to `to` (not included). */
  async list(filter: InvocationFilter, page: PageRequest): Promise<Page<InvocationRecord>> {
    const { project, functionName, status, trigger, from, to } = filter;
    const { flavour } = this.#session;
    const key = decodeCursor('invocations', ['n', 'n'], page.cursor);
    const isOfOther = project !== undefined && functionName !== undefined && projectOf(functionName) !== project;
    if (isOfOther) return { items: [], nextCursor: null };
    let query = this.#session.db
      .selectFrom('invocations')
      .selectAll()
      .orderBy('created_at', 'desc')
      .orderBy('seq', 'desc')
      .limit(page.limit + 1);
    // A full name says its project. With both in the query SQLite walks all that the project did to find one function.
    if (functionName !== undefined) query = query.where('function_name', '=', functionName);
    else if (project !== undefined) query = query.where(({ ref }) => ofProject(flavour, ref('function_name'), project));
    if (status !== undefined) query = query.where('status', '=', status);
    // Says to the planner that the index of the rare statuses can answer.
    if (status !== undefined && status !== 'success') query = query.where(sql<boolean>`status <> 'success'`);
    if (trigger !== undefined) query = query.where('trigger_kind', '=', trigger);
    // The same for the triggers that are rarer than calls over HTTP.
    if (trigger !== undefined && trigger !== 'http') query = query.where(sql<boolean>`trigger_kind <> 'http'`);
    if (from !== undefined) query = query.where('created_at', '>=', from);
    if (to !== undefined) query = query.where('created_at', '<', to);
    if (key !== undefined) {
      const [at, seq] = key.map(Number);
      query = query.where(sql<boolean>`(created_at, seq) < (${at}, ${seq})`);
    }
    return pageOf(await query.execute(), page.limit, toInvocationRecord, (row) =>
      encodeCursor('invocations', [row.created_at, row.seq]),
    );
  }

  deadLetters(...request: Parameters<InvocationStore['deadLetters']>): ReturnType<InvocationStore['deadLetters']> {
    return this.#deadLetters.list(...request);
  }

  removeDeadLetter(id: InvocationId): Promise<boolean> {
    return this.#deadLetters.remove(id);
  }

  /** Idempotency keys that have run out go too; they are not counted. */
  async prune(before: number): Promise<number> {
    const invocations = await deleteInSteps((limit) =>
      this.#session.db
        .deleteFrom('invocations')
        .where(({ eb, selectFrom }) =>
          eb(
            'seq',
            'in',
            selectFrom('invocations')
              .select('seq')
              .where('finished_at', '<', before)
              .where(sql<boolean>`finished_at is not null and is_kept = 0`)
              .orderBy('finished_at')
              .limit(limit),
          ),
        )
        .executeTakeFirstOrThrow(),
    );
    await deleteInSteps((limit) =>
      this.#session.db
        .deleteFrom('idempotency_keys')
        .where(({ eb, refTuple, selectFrom }) =>
          eb(
            refTuple('function_id', 'key'),
            'in',
            selectFrom('idempotency_keys')
              .select(['function_id', 'key'])
              .where('expires_at', '<', before)
              .limit(limit)
              .$asTuple('function_id', 'key'),
          ),
        )
        .executeTakeFirstOrThrow(),
    );
    return invocations;
  }
}
