import type { FunctionId, ScheduleId } from '../../../shared/ids.ts';
import type { ScheduleRecord, ScheduleStore, Store } from '../../core/ports/store.ts';
import { type SqlSession, touched } from '../sql-session.ts';
import type { ScheduleRow } from '../tables.ts';
import { template } from '../template.ts';

const markTick = template<{ readonly id: ScheduleId; readonly tickAt: number }>((db, slot) =>
  db
    .updateTable('schedules')
    .set({ last_tick_at: slot.tickAt })
    .where('id', '=', slot.id)
    .where(({ or, eb }) => or([eb('last_tick_at', 'is', null), eb('last_tick_at', '<', slot.tickAt)])),
);

/** Table `schedules`; a function's schedules keep the order in which they were given. */
export class ScheduleModel implements ScheduleStore {
  readonly #session: SqlSession;
  readonly #transaction: Store['transaction'];

  constructor(options: { readonly session: SqlSession; readonly transaction: Store['transaction'] }) {
    this.#session = options.session;
    this.#transaction = options.transaction;
  }

  async replace(functionId: FunctionId, schedules: readonly ScheduleRecord[]): Promise<void> {
    await this.#session.transaction(async ({ db }) => {
      const before = await db.selectFrom('schedules').selectAll().where('function_id', '=', functionId).execute();
      await db.deleteFrom('schedules').where('function_id', '=', functionId).execute();
      if (schedules.length === 0) return;
      const rows = schedules.map((schedule, position) => {
        const kept = before.find((row) => row.name === schedule.name && row.cron === schedule.cron);
        const row = { ...toRow(schedule), function_id: functionId, position };
        return kept === undefined ? row : { ...row, id: kept.id, last_tick_at: kept.last_tick_at };
      });
      await db.insertInto('schedules').values(rows).execute();
    });
  }

  async list(functionId: FunctionId): Promise<readonly ScheduleRecord[]> {
    const rows = await this.#session.db
      .selectFrom('schedules')
      .selectAll()
      .where('function_id', '=', functionId)
      .orderBy('position')
      .execute();
    return rows.map(toRecord);
  }

  async all(): Promise<readonly ScheduleRecord[]> {
    const rows = await this.#session.db
      .selectFrom('schedules')
      .selectAll()
      .orderBy('function_id')
      .orderBy('position')
      .execute();
    return rows.map(toRecord);
  }

  async fireTick(
    id: ScheduleId,
    tickAt: number,
    enqueue: ((tx: Store) => Promise<void>) | undefined,
  ): Promise<boolean> {
    if (enqueue === undefined)
      return touched(await this.#session.write([this.#session.step(markTick, { id, tickAt })]));
    return this.#transaction(async (tx) => {
      if (!(await tx.schedules.fireTick(id, tickAt, undefined))) return false;
      await enqueue(tx);
      return true;
    });
  }
}

function toRow(record: ScheduleRecord): Omit<ScheduleRow, 'position'> {
  return {
    id: record.id,
    function_id: record.functionId,
    name: record.name,
    cron: record.cron,
    time_zone: record.timeZone,
    payload: record.payload,
    alias: record.alias,
    misfire: record.misfire,
    is_enabled: record.isEnabled ? 1 : 0,
    created_at: record.createdAt,
    last_tick_at: record.lastTickAt ?? null,
  };
}

function toRecord(row: ScheduleRow): ScheduleRecord {
  return {
    id: row.id,
    functionId: row.function_id,
    name: row.name,
    cron: row.cron,
    timeZone: row.time_zone,
    payload: row.payload,
    alias: row.alias,
    misfire: row.misfire,
    isEnabled: row.is_enabled === 1,
    createdAt: row.created_at,
    lastTickAt: row.last_tick_at ?? undefined,
  };
}
