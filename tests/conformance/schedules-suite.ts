import { describe, expect, it } from 'vitest';
import type { Store } from '../../backend/core/ports/store.ts';
import { type FunctionId, newId } from '../../shared/ids.ts';
import { functionRecord, newItem, scheduleRecord } from './store-records.ts';

/** The part of the store suite about schedules and what they did. */
export function describeSchedules(current: () => Store): void {
  async function newFunction(): Promise<FunctionId> {
    const record = functionRecord('resize');
    await current().functions.create(record);
    return record.id;
  }

  describe('schedules', () => {
    it('keeps id and last tick of a schedule whose name and cron stay', async () => {
      const id = await newFunction();
      const kept = scheduleRecord(id, 'kept');
      const changed = scheduleRecord(id, 'changed');
      await current().schedules.replace(id, [kept, changed]);
      for (const schedule of [kept, changed]) await current().schedules.fireTick(schedule.id, 1000, undefined);
      const again = scheduleRecord(id, 'kept', { payload: '{"new":1}' });
      const moved = scheduleRecord(id, 'changed', { cron: '5 * * * *' });
      await current().schedules.replace(id, [moved, again]);
      expect(await current().schedules.list(id)).toEqual([moved, { ...again, id: kept.id, lastTickAt: 1000 }]);
      expect(await current().schedules.all()).toHaveLength(2);
    });

    it('fires a tick once, also when many try at the same time', async () => {
      const id = await newFunction();
      const schedule = scheduleRecord(id, 'nightly');
      await current().schedules.replace(id, [schedule]);
      const fire = (tickAt: number) =>
        current().schedules.fireTick(schedule.id, tickAt, async (tx) => {
          const item = newItem({ functionId: id });
          await tx.queue.enqueue(item);
          return item.id;
        });
      const fired = await Promise.all(Array.from({ length: 10 }, () => fire(60_000)));
      expect(fired.filter(Boolean)).toHaveLength(1);
      expect(await fire(59_000)).toBe(false);
      expect(await fire(120_000)).toBe(true);
      expect(await current().queue.depth(id)).toBe(2);
      expect(await current().schedules.fireTick(newId('schedule'), 1, undefined)).toBe(false);
    });

    it('does not mark a tick whose enqueue fails', async () => {
      const id = await newFunction();
      const schedule = scheduleRecord(id, 'nightly');
      await current().schedules.replace(id, [schedule]);
      await expect(
        current().schedules.fireTick(schedule.id, 60_000, async (tx) => {
          await tx.queue.enqueue(newItem({ functionId: id }));
          throw new Error('no');
        }),
      ).rejects.toThrow('no');
      expect(await current().queue.depth()).toBe(0);
      expect(await current().schedules.fireTick(schedule.id, 60_000, undefined)).toBe(true);
    });

    it('are paused and resumed, from when their ticks count then', async () => {
      const id = await newFunction();
      const schedule = scheduleRecord(id, 'nightly');
      await current().schedules.replace(id, [schedule]);
      expect(await current().schedules.setEnabled(schedule.id, false, 5000)).toBe(true);
      expect(await current().schedules.list(id)).toMatchObject([{ isEnabled: false, createdAt: 5000 }]);
      expect(await current().schedules.setEnabled(schedule.id, true, 6000)).toBe(true);
      expect(await current().schedules.list(id)).toMatchObject([{ isEnabled: true, createdAt: 6000 }]);
      expect(await current().schedules.setEnabled(newId('schedule'), true, 1)).toBe(false);
    });

    it('keep their newest runs, fired, skipped and asked for, as long as their name stays', async () => {
      const { schedules, functions, queue } = current();
      const id = await newFunction();
      const nightly = scheduleRecord(id, 'nightly');
      const other = scheduleRecord(id, 'other');
      await schedules.replace(id, [nightly, other]);
      const asked = newId('invocation');
      let fired: string | undefined;
      await schedules.fireTick(nightly.id, 1000, async (tx) => {
        const item = newItem({ functionId: id });
        await tx.queue.enqueue(item);
        fired = item.id;
        return item.id;
      });
      expect(await schedules.fireTick(nightly.id, 1000, undefined)).toBe(false);
      await schedules.fireTick(nightly.id, 2000, undefined);
      await schedules.noteRun(nightly.id, { at: 2000, isManual: true, invocationId: asked });
      await schedules.fireTick(other.id, 9000, undefined);
      const runs = await schedules.runs(nightly.id, 9);
      expect(runs.map(({ at }) => at)).toEqual([2000, 2000, 1000]);
      expect(runs).toEqual(
        expect.arrayContaining([
          { at: 1000, isManual: false, invocationId: fired },
          { at: 2000, isManual: false, invocationId: undefined },
          { at: 2000, isManual: true, invocationId: asked },
        ]),
      );
      expect(await queue.depth(id)).toBe(1);
      const moved = scheduleRecord(id, 'nightly', { cron: '5 * * * *' });
      await schedules.replace(id, [moved]);
      expect(await schedules.runs(moved.id, 9)).toEqual(runs);
      for (let at = 3000; at < 3030; at++)
        await schedules.noteRun(moved.id, { at, isManual: true, invocationId: asked });
      const kept = await schedules.runs(moved.id, 99);
      expect(kept.map(({ at }) => at)).toEqual(Array.from({ length: 20 }, (_, index) => 3029 - index));
      const again = scheduleRecord(id, 'other');
      await schedules.replace(id, [again]);
      expect(await schedules.runs(again.id, 9)).toEqual([]);
      await functions.remove(id, undefined);
      expect(await schedules.runs(again.id, 9)).toEqual([]);
    });

    it('does not note a run of a tick whose enqueue fails', async () => {
      const { schedules } = current();
      const id = await newFunction();
      const schedule = scheduleRecord(id, 'nightly');
      await schedules.replace(id, [schedule]);
      const failing = schedules.fireTick(schedule.id, 60_000, async () => {
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      expect(await schedules.runs(schedule.id, 9)).toEqual([]);
    });
  });
}
