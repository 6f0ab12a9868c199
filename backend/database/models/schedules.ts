import type { FunctionId, InvocationId, ScheduleId } from '../../../shared/ids.ts';
import type { ScheduleRecord, ScheduleRunRecord, ScheduleStore, Store } from '../../core/ports/store.ts';
import type { ScheduleRow } from '../schedule-tables.ts';
import { rest, type SqlSession, touched } from '../sql-session.ts';
import { template } from '../template.ts';

const markTick = template<{ readonly id: ScheduleId; readonly tickAt: number }>((db, slot) =>
  db
    .updateTable('schedules')
    .set({ last_tick_at: slot.tickAt })
    .where('id', '=', slot.id)
    .where(({ or, eb }) => or([eb('last_tick_at', 'is', null), eb('last_tick_at', '<', slot.tickAt)])),
);

interface Run {
  readonly id: ScheduleId;
  readonly at: number;
  readonly isManual: number;
  readonly invocationId: InvocationId | null;
}

/** A tick that was fired is noted without its invocation first, in the transaction that queues it. */
const noteRun = template<Run>((db, slot) =>
  db
    .insertInto('schedule_runs')
    .columns(['function_id', 'schedule', 'at', 'is_manual', 'invocation_id'])
    .expression((eb) =>
      eb
        .selectFrom('schedules')
        .select((row) => [
          'function_id',
          'name',
          row.val(slot.at).as('at'),
          row.val(slot.isManual).as('is_manual'),
          row.val(slot.invocationId).as('invocation_id'),
        ])
        .where('id', '=', slot.id),
    )
    .onConflict((on) =>
      on
        .columns(['function_id', 'schedule', 'at', 'is_manual'])
        .doUpdateSet(({ ref }) => ({ invocation_id: ref('excluded.invocation_id') })),
    ),
);

const keptRuns = 20;

const forgetRuns = template<{ readonly id: ScheduleId }>((db, slot) =>
  db
    .deleteFrom('schedule_runs')
    .where('function_id', '=', (eb) => eb.selectFrom('schedules').select('function_id').where('id', '=', slot.id))
    .where('schedule', '=', (eb) => eb.selectFrom('schedules').select('name').where('id', '=', slot.id))
    .where('at', '<=', (eb) =>
      eb
        .selectFrom('schedule_runs as kept')
        .innerJoin('schedules as owner', (on) =>
          on.onRef('owner.function_id', '=', 'kept.function_id').onRef('owner.name', '=', 'kept.schedule'),
        )
        .select('kept.at')
        .where('owner.id', '=', slot.id)
        .orderBy('kept.at', 'desc')
        .limit(1)
        .offset(keptRuns),
    ),
);

/** Tables `schedules` and `schedule_runs`; a function's schedules keep the order in which they were given. */
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
      const names = schedules.map(({ name }) => name);
      const gone = before.filter((row) => !names.includes(row.name)).map((row) => row.name);
      for (const name of gone)
        await db
          .deleteFrom('schedule_runs')
          .where('function_id', '=', functionId)
          .where('schedule', '=', name)
          .execute();
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

  async setEnabled(id: ScheduleId, isEnabled: boolean, now: number): Promise<boolean> {
    const result = await this.#session.db
      .updateTable('schedules')
      .set({ is_enabled: isEnabled ? 1 : 0, created_at: now })
      .where('id', '=', id)
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  async fireTick(
    id: ScheduleId,
    tickAt: number,
    enqueue: ((tx: Store) => Promise<InvocationId>) | undefined,
  ): Promise<boolean> {
    if (enqueue === undefined) {
      const mark = this.#session.step(markTick, { id, tickAt }, rest);
      return touched(await this.#session.write([mark, ...this.#notes(id, { at: tickAt, isManual: false })]));
    }
    return this.#transaction(async (tx) => {
      if (!(await tx.schedules.fireTick(id, tickAt, undefined))) return false;
      const invocationId = await enqueue(tx);
      await tx.schedules.noteRun(id, { at: tickAt, isManual: false, invocationId });
      return true;
    });
  }

  async noteRun(id: ScheduleId, run: ScheduleRunRecord): Promise<void> {
    await this.#session.write(this.#notes(id, run));
  }

  async runs(id: ScheduleId, limit: number): Promise<readonly ScheduleRunRecord[]> {
    const rows = await this.#session.db
      .selectFrom('schedules')
      .innerJoin('schedule_runs as run', (on) =>
        on.onRef('run.function_id', '=', 'schedules.function_id').onRef('run.schedule', '=', 'schedules.name'),
      )
      .select(['run.at', 'run.is_manual', 'run.invocation_id'])
      .where('schedules.id', '=', id)
      .orderBy('run.at', 'desc')
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      at: row.at,
      isManual: row.is_manual === 1,
      invocationId: row.invocation_id ?? undefined,
    }));
  }

  #notes(id: ScheduleId, { at, isManual, invocationId }: Partial<ScheduleRunRecord> & { readonly at: number }) {
    const run = { id, at, isManual: isManual === true ? 1 : 0, invocationId: invocationId ?? null };
    return [this.#session.step(noteRun, run), this.#session.step(forgetRuns, { id })];
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
