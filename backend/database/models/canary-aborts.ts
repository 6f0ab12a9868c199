import type { CanaryAbortQuery, CanaryAbortRecord, CanaryAbortStore } from '../../core/ports/canary-aborts.ts';
import type { CanaryAbortRow } from '../alias-tables.ts';
import type { SqlSession } from '../sql-session.ts';

import { deleteInSteps } from './prune.ts';

/** Table `canary_aborts`. */
export class CanaryAbortModel implements CanaryAbortStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async add({ functionId, ...same }: CanaryAbortRecord): Promise<void> {
    const row = { ...same, function_id: functionId };
    await this.#session.db.insertInto('canary_aborts').values(row).execute();
  }

  async list({ functionId, from, to, limit }: CanaryAbortQuery): Promise<readonly CanaryAbortRecord[]> {
    let query = this.#session.db.selectFrom('canary_aborts').selectAll().where('at', '>=', from).where('at', '<', to);
    if (functionId !== undefined) query = query.where('function_id', '=', functionId);
    const rows = await query.orderBy('at', 'desc').limit(limit).execute();
    return rows.map(toRecord);
  }

  prune(before: number): Promise<number> {
    return deleteInSteps((limit) =>
      this.#session.db
        .deleteFrom('canary_aborts')
        .where(({ eb, refTuple, selectFrom }) =>
          eb(
            refTuple('function_id', 'at', 'alias'),
            'in',
            selectFrom('canary_aborts')
              .select(['function_id', 'at', 'alias'])
              .where('at', '<', before)
              .orderBy('at')
              .limit(limit)
              .$asTuple('function_id', 'at', 'alias'),
          ),
        )
        .executeTakeFirstOrThrow(),
    );
  }
}

function toRecord({ function_id, ...same }: CanaryAbortRow): CanaryAbortRecord {
  return { ...same, functionId: function_id };
}
