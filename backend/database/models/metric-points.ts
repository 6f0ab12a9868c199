import { type Compilable, sql } from 'kysely';
import type { FunctionId } from '../../../shared/ids.ts';
import type { MetricPointRecord, MetricPointStore } from '../../core/ports/store.ts';
import { bufferOf } from '../columns.ts';
import { rowsOf, type SqlSession, type StepResult } from '../sql-session.ts';
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

interface PackedRow {
  readonly function_id: FunctionId;
  readonly points: Uint8Array;
}

/**
 * All points of a function as one value, each as 6 bytes of time, 4 of version, 4 of length, and its data: a list of functions reads
 * 12,000 points, which took most of its time on their way between threads, row by row.
 */
const packedPoints = sql<Uint8Array>`unhex(group_concat(printf('%012X%08X%08X', at, version, length(data)) || hex(data), ''))`;
const headBytes = 14;

function unpack({ function_id: functionId, points }: PackedRow, stepMs: number): MetricPointRecord[] {
  const bytes = bufferOf(points);
  const found: MetricPointRecord[] = [];
  let isSorted = true;
  for (let offset = 0; offset < bytes.length; ) {
    const at = bytes.readUIntBE(offset, 6);
    const version = bytes.readUInt32BE(offset + 6);
    const start = offset + headBytes;
    offset = start + bytes.readUInt32BE(offset + 10);
    isSorted &&= at >= (found.at(-1)?.at ?? 0);
    found.push({ functionId, version, stepMs, at, data: bytes.subarray(start, offset) });
  }
  // They come in the order of the index, but SQL promises none inside an aggregate.
  return isSorted ? found : found.sort((a, b) => a.at - b.at);
}

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

  /**
   * From `from` (included) to `to` (not included). Of some functions: those of each together, oldest first; of all: by time, then
   * function and version.
   */
  async query(filter: Parameters<MetricPointStore['query']>[0]): Promise<readonly MetricPointRecord[]> {
    const { functionIds, version, stepMs, from, to } = filter;
    if (functionIds?.length === 0) return [];
    let query = this.#session.db
      .selectFrom('metric_points')
      .where('step_ms', '=', stepMs)
      .where('at', '>=', from)
      .where('at', '<', to);
    if (version !== undefined) query = query.where('version', '=', version);
    if (functionIds === undefined) {
      const sorted = query.selectAll().orderBy('at').orderBy('function_id').orderBy('version');
      return rowsOf<Omit<MetricPointRow, 'seq'>>(await this.#read(sorted)).map(toRecord);
    }
    const packed = query
      .select(['function_id', packedPoints.as('points')])
      .where('function_id', 'in', functionIds)
      .groupBy('function_id');
    return rowsOf<PackedRow>(await this.#read(packed)).flatMap((row) => unpack(row, stepMs));
  }

  async #read(query: Compilable): Promise<StepResult | undefined> {
    const { sql: text, parameters } = query.compile();
    const values = parameters as (string | number)[];
    const [result] = await this.#session.read([{ sql: text, parameters: values, skipWhenNone: 0 }]);
    return result;
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
