import { afterEach, describe, expect, it } from 'vitest';
import { newId, type ScheduleId } from '../../shared/ids.ts';
import { ManualClock } from '../../tests/fakes/manual-clock.ts';
import { quietLogger, versionOf } from '../../tests/fakes/pool-rig.ts';
import { ListDirectory } from '../../tests/fakes/scheduler-rig.ts';
import type { FunctionRecord, ScheduleRecord, ScheduleStore, Store } from '../core/ports/store.ts';
import { ScheduleTicker } from './schedule-ticker.ts';

const start = Date.UTC(2030, 0, 1, 12, 0, 30);
const minute = 60_000;
const hour = 3_600_000;

/** Marks ticks as the real store does; `failures` makes the next calls fail. */
function rig(change: Partial<ScheduleRecord> = {}) {
  const clock = new ManualClock(start);
  const directory = new ListDirectory();
  const version = versionOf();
  directory.versions.push(version);
  const marks: { readonly tickAt: number; readonly isFired: boolean }[] = [];
  const state = { failures: 0, last: Number.NEGATIVE_INFINITY, enqueued: 0 };
  const schedule: ScheduleRecord = {
    id: newId('schedule'),
    functionId: version.functionId,
    name: 'tick',
    cron: '*/10 * * * *',
    timeZone: 'UTC',
    payload: '{"a":1}',
    alias: 'live',
    misfire: 'run-once',
    isEnabled: true,
    createdAt: start,
    lastTickAt: undefined,
    ...change,
  };
  const schedules = [schedule];
  const tx = { queue: { enqueue: async () => void state.enqueued++ } } as unknown as Store;
  const fireTick = async (_: ScheduleId, tickAt: number, enqueue: Parameters<ScheduleStore['fireTick']>[2]) => {
    if (state.failures > 0) {
      state.failures--;
      throw new Error('disk full');
    }
    if (tickAt <= state.last) return false;
    state.last = tickAt;
    marks.push({ tickAt, isFired: enqueue !== undefined });
    await enqueue?.(tx);
    return true;
  };
  const record = { id: version.functionId, name: version.functionName } as FunctionRecord;
  const ticker = new ScheduleTicker({
    schedules: { all: async () => schedules, fireTick },
    functions: { all: async () => [record] },
    directory,
    clock,
    logger: quietLogger,
    settings: { tickGraceMs: 15_000, tickCheckMs: 10_000 },
    onFired: () => undefined,
  });
  tickers.push({ ticker, clock });
  return { clock, ticker, marks, state, schedules, schedule, directory, version };
}
const tickers: { ticker: ScheduleTicker; clock: ManualClock }[] = [];
afterEach(() => {
  for (const { ticker, clock } of tickers.splice(0)) {
    ticker.stop();
    expect(clock.pendingTimers).toBe(0);
  }
});

describe('ScheduleTicker', () => {
  it('fires every tick once, on time', async () => {
    const r = rig();
    await r.ticker.start();
    await r.clock.advanceAsync(hour);
    expect(r.marks.map(({ tickAt }) => tickAt)).toEqual(
      [10, 20, 30, 40, 50, 60].map((minutes) => Date.UTC(2030, 0, 1, 12, minutes)),
    );
    expect(r.state.enqueued).toBe(6);
  });

  it('fires at most the newest tick after the clock jumps forward', async () => {
    const r = rig();
    await r.ticker.start();
    r.clock.jumpTo(start + 5 * hour + 5 * minute);
    await r.clock.advanceAsync(10_000);
    expect(r.marks).toEqual([{ tickAt: Date.UTC(2030, 0, 1, 17, 0), isFired: true }]);
  });

  it('skips what was missed under the policy `skip`, and goes on', async () => {
    const r = rig({ misfire: 'skip', createdAt: start - 5 * hour });
    await r.ticker.start();
    expect(r.marks).toEqual([{ tickAt: Date.UTC(2030, 0, 1, 12, 0), isFired: false }]);
    await r.clock.advanceAsync(10 * minute);
    expect(r.marks[1]).toEqual({ tickAt: Date.UTC(2030, 0, 1, 12, 10), isFired: true });
  });

  it('does not fire again when the clock jumps back', async () => {
    const r = rig();
    await r.ticker.start();
    await r.clock.advanceAsync(10 * minute);
    r.clock.jumpTo(start - hour);
    await r.clock.advanceAsync(hour + 10 * minute);
    expect(r.marks).toHaveLength(1);
    await r.clock.advanceAsync(10 * minute);
    expect(r.marks.map(({ tickAt }) => tickAt)).toEqual([Date.UTC(2030, 0, 1, 12, 10), Date.UTC(2030, 0, 1, 12, 20)]);
  });

  it('tries a tick again when it could not be stored', async () => {
    const r = rig();
    await r.ticker.start();
    r.state.failures = 3;
    await r.clock.advanceAsync(11 * minute);
    expect(r.marks).toEqual([{ tickAt: Date.UTC(2030, 0, 1, 12, 10), isFired: true }]);
  });

  it('skips the ticks of a disabled function', async () => {
    const r = rig();
    r.directory.disabledNames.add(r.version.functionName);
    await r.ticker.start();
    await r.clock.advanceAsync(10 * minute);
    expect(r.marks).toEqual([{ tickAt: Date.UTC(2030, 0, 1, 12, 10), isFired: false }]);
  });

  it('takes over changes, and lets a bad schedule not stop the others', async () => {
    const r = rig();
    await r.ticker.start();
    r.schedules.unshift({ ...r.schedule, id: newId('schedule'), cron: 'nonsense' });
    r.schedules[1] = { ...r.schedule, cron: '* * * * *' };
    r.ticker.changed();
    await r.clock.advanceAsync(2 * minute);
    expect(r.marks).toHaveLength(2);
  });
});
