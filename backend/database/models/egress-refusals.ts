import { sql } from 'kysely';
import type { FunctionId } from '../../../shared/ids.ts';
import type { EgressRefusalStore, EgressRefusals } from '../../core/ports/egress-refusals.ts';
import type { SqlSession } from '../sql-session.ts';
import type { EgressRefusalRow } from '../tables.ts';
import { template } from '../template.ts';
import { deleteInSteps } from './prune.ts';

const addRefusals = template<EgressRefusalRow>((db, slot) =>
  db
    .insertInto('egress_refusals')
    .values({
      function_id: slot.function_id,
      host: slot.host,
      reason: slot.reason,
      version: slot.version,
      count: slot.count,
      first_at: slot.first_at,
      last_at: slot.last_at,
    })
    .onConflict((on) =>
      on.columns(['function_id', 'host', 'reason']).doUpdateSet({
        version: sql`excluded.version`,
        count: sql`egress_refusals.count + excluded.count`,
        last_at: sql`case when excluded.last_at > egress_refusals.last_at
          then excluded.last_at else egress_refusals.last_at end`,
      }),
    ),
);

/** Table `egress_refusals`. */
export class EgressRefusalModel implements EgressRefusalStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async add(batch: readonly EgressRefusals[]): Promise<void> {
    if (batch.length > 0)
      await this.#session.write(batch.map((refusals) => this.#session.step(addRefusals, toRow(refusals))));
  }

  async list(functionId: FunctionId, limit: number): Promise<readonly EgressRefusals[]> {
    const rows = await this.#session.db
      .selectFrom('egress_refusals')
      .selectAll()
      .where('function_id', '=', functionId)
      .orderBy('last_at', 'desc')
      .limit(limit)
      .execute();
    return rows.map(toRefusals);
  }

  prune(before: number): Promise<number> {
    return deleteInSteps((limit) =>
      this.#session.db
        .deleteFrom('egress_refusals')
        .where(({ eb, refTuple, selectFrom }) =>
          eb(
            refTuple('function_id', 'host', 'reason'),
            'in',
            selectFrom('egress_refusals')
              .select(['function_id', 'host', 'reason'])
              .where('last_at', '<', before)
              .orderBy('last_at')
              .limit(limit)
              .$asTuple('function_id', 'host', 'reason'),
          ),
        )
        .executeTakeFirstOrThrow(),
    );
  }
}

function toRow({ functionId, firstAt, lastAt, ...same }: EgressRefusals): EgressRefusalRow {
  return { ...same, function_id: functionId, first_at: firstAt, last_at: lastAt };
}

function toRefusals({ function_id, first_at, last_at, ...same }: EgressRefusalRow): EgressRefusals {
  return { ...same, functionId: function_id, firstAt: first_at, lastAt: last_at };
}
