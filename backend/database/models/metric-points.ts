import type { MetricPointRecord, MetricPointStore } from '../../core/ports/store.ts';
import { bufferOf } from '../columns.ts';
import { rowsOf, type SqlSession } from '../sql-session.ts';
import type { MetricPointRow } from '../tables.ts';
import { template } from '../template.ts';
import { deleteInSteps } from './prune.ts';

const putPoint = template<Omit<MetricPointRow, 'seq'>>((db, slot) =>
  db
    .insertInto('metric_points')
    .values({
      function_id: slot.function_id,
      version: slot.version,
      step_ms: slot.step_ms,
      at: slot.at,
      data: slot.data,
    })
    .onConflict((on) =>
      on.columns(['function_id', 'step_ms', 'at', 'version']).doUpdateSet((eb) => ({ data: eb.ref('excluded.data') })),
    ),
);

/** Table `metric_points`. */
export class MetricPointModel implements MetricPointStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async put(points: readonly MetricPointRecord[]): Promise<void> {
    if (points.length === 0) return;
    await this.#session.write(points.map((point) => this.#session.step(putPoint, toRow(point))));
  }

  /** From `from` (included) to `to` (not included), by time, then function and version. */
  async query(filter: Parameters<MetricPointStore['query']>[0]): Promise<readonly MetricPointRecord[]> {
    const { functionIds, version, stepMs, from, to } = filter;
    if (functionIds?.length === 0) return [];
    let query = this.#session.db
      .selectFrom('metric_points')
      .selectAll()
      .where('step_ms', '=', stepMs)
      .where('at', '>=', from)
      .where('at', '<', to)
      .orderBy('at')
      .orderBy('function_id')
      .orderBy('version');
    if (functionIds !== undefined) query = query.where('function_id', 'in', functionIds);
    if (version !== undefined) query = query.where('version', '=', version);
    const { sql, parameters } = query.compile();
    const [result] = await this.#session.read([
      { sql, parameters: parameters as (string | number)[], skipWhenNone: 0 },
    ]);
    return rowsOf<Omit<MetricPointRow, 'seq'>>(result).map(toRecord);
  }

  prune(stepMs: number, before: number): Promise<number> {
    return deleteInSteps((limit) =>
      this.#session.db
        .deleteFrom('metric_points')
        .where(({ eb, selectFrom }) =>
          eb(
            'seq',
            'in',
            selectFrom('metric_points')
              .select('seq')
              .where('step_ms', '=', stepMs)
              .where('at', '<', before)
              .limit(limit),
          ),
        )
        .executeTakeFirstOrThrow(),
    );
  }
}

function toRow(record: MetricPointRecord): Omit<MetricPointRow, 'seq'> {
  return {
    function_id: record.functionId,
    version: record.version,
    step_ms: record.stepMs,
    at: record.at,
    data: record.data,
  };
}

function toRecord(row: Omit<MetricPointRow, 'seq'>): MetricPointRecord {
  return {
    functionId: row.function_id,
    version: row.version,
    stepMs: row.step_ms,
    at: row.at,
    data: bufferOf(row.data),
  };
}
