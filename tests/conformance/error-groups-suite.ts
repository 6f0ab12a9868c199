import { describe, expect, it } from 'vitest';
import type { ErrorGroupId } from '../../backend/core/ports/error-groups.ts';
import type { Store } from '../../backend/core/ports/store.ts';
import { hourMs } from '../../shared/durations.ts';
import { newId } from '../../shared/ids.ts';
import { drain, errorOccurrences } from './store-records.ts';

const idOf = (digit: string) => `err_${digit.repeat(24)}` as ErrorGroupId;

/** The part of the store suite about groups of errors. */
export function describeErrorGroups(current: () => Store): void {
  describe('groups of errors', () => {
    it('makes a group, then adds to it: sums, the newest words, the first time', async () => {
      const { errorGroups } = current();
      const first = errorOccurrences(idOf('a'));
      const { tallies: _tallies, ...made } = first;
      await errorGroups.add([first]);
      expect(await errorGroups.find('default', first.id)).toEqual({ ...made, state: 'open', stateAt: 100 });
      const second = errorOccurrences(first.id, {
        functionId: first.functionId,
        message: 'order 8 is too far',
        count: 3,
        firstSeenAt: 200,
        lastSeenAt: 250,
        firstVersion: 1,
        lastVersion: 2,
        tallies: [
          { version: 1, hourAt: 0, count: 1 },
          { version: 2, hourAt: hourMs, count: 2 },
        ],
      });
      await errorGroups.add([second]);
      expect(await errorGroups.find('default', first.id)).toMatchObject({
        message: 'order 8 is too far',
        count: 4,
        firstSeenAt: 100,
        lastSeenAt: 250,
        firstVersion: 1,
        lastVersion: 2,
        lastInvocationId: second.lastInvocationId,
      });
      // What comes late is not what was seen last.
      await errorGroups.add([
        errorOccurrences(first.id, { functionId: first.functionId, lastSeenAt: 240, lastVersion: 1 }),
      ]);
      expect(await errorGroups.find('default', first.id)).toMatchObject({ lastSeenAt: 250, lastVersion: 2 });
      const tallies = await errorGroups.tallies([first.id, idOf('b')], 0);
      expect(tallies.get(first.id)).toEqual([
        { version: 1, hourAt: 0, count: 3 },
        { version: 2, hourAt: hourMs, count: 2 },
      ]);
      expect(tallies.get(idOf('b'))).toBeUndefined();
      expect((await errorGroups.tallies([first.id], hourMs)).get(first.id)).toHaveLength(1);
      expect(await errorGroups.tallies([], 0)).toEqual(new Map());
    });

    it('opens what was resolved when it fails again later, and leaves what is ignored', async () => {
      const { errorGroups } = current();
      const [resolved, ignored] = [errorOccurrences(idOf('a')), errorOccurrences(idOf('b'))];
      await errorGroups.add([resolved, ignored]);
      expect(await errorGroups.setState('default', resolved.id, 'resolved', 500)).toMatchObject({
        state: 'resolved',
        stateAt: 500,
      });
      await errorGroups.setState('default', ignored.id, 'ignored', 500);
      await errorGroups.add([{ ...resolved, lastSeenAt: 400 }]);
      expect(await errorGroups.find('default', resolved.id)).toMatchObject({ state: 'resolved' });
      await errorGroups.add([
        { ...resolved, lastSeenAt: 600 },
        { ...ignored, lastSeenAt: 600 },
      ]);
      expect(await errorGroups.find('default', resolved.id)).toMatchObject({ state: 'open', stateAt: 600 });
      expect(await errorGroups.find('default', ignored.id)).toMatchObject({ state: 'ignored', stateAt: 500, count: 2 });
      expect(await errorGroups.setState('default', idOf('c'), 'resolved', 1)).toBeUndefined();
    });

    it('lists by function and state, the one seen last first', async () => {
      const { errorGroups } = current();
      const functionId = newId('function');
      const groups = ['a', 'b', 'c', 'd', 'e'].map((digit, index) =>
        errorOccurrences(idOf(digit), { functionId, lastSeenAt: 100 + Math.floor(index / 2) }),
      );
      await errorGroups.add([...groups, errorOccurrences(idOf('f'))]);
      await errorGroups.setState('default', idOf('b'), 'resolved', 200);
      const listed = async (filter: Parameters<typeof errorGroups.list>[0]) =>
        (await drain((page) => errorGroups.list(filter, page), 2)).map((group) => group.id[4]).join('');
      expect(await listed({ project: 'default', functionId, state: undefined })).toBe('edcba');
      expect(await listed({ project: 'default', functionId, state: 'open' })).toBe('edca');
      expect(await listed({ project: 'default', functionId: undefined, state: 'resolved' })).toBe('b');
      expect(await listed({ project: 'default', functionId: undefined, state: undefined })).toBe('edcfba');
    });

    it('keeps projects apart', async () => {
      const { errorGroups } = current();
      await errorGroups.add([
        errorOccurrences(idOf('a')),
        errorOccurrences(idOf('b'), { functionName: 'acme/resize' }),
      ]);
      const listed = async (project: string) =>
        (await errorGroups.list({ project, functionId: undefined, state: undefined }, { limit: 9, cursor: undefined }))
          .items;
      expect((await listed('default')).map((group) => group.id)).toEqual([idOf('a')]);
      expect((await listed('acme')).map((group) => group.id)).toEqual([idOf('b')]);
      expect(await errorGroups.find('default', idOf('b'))).toBeUndefined();
      expect(await errorGroups.setState('acme', idOf('a'), 'resolved', 1)).toBeUndefined();
      expect(await errorGroups.find('acme', idOf('b'))).toMatchObject({ functionName: 'acme/resize', state: 'open' });
    });

    it('forgets groups that were not seen for long, and hours long ago', async () => {
      const { errorGroups } = current();
      const old = errorOccurrences(idOf('a'), { lastSeenAt: 10 });
      const seen = errorOccurrences(idOf('b'), {
        lastSeenAt: 2 * hourMs,
        tallies: [
          { version: 1, hourAt: 0, count: 1 },
          { version: 1, hourAt: 2 * hourMs, count: 1 },
        ],
      });
      await errorGroups.add([old, seen]);
      expect(await errorGroups.prune(hourMs)).toBe(1);
      expect(await errorGroups.find('default', old.id)).toBeUndefined();
      expect(await errorGroups.find('default', seen.id)).toBeDefined();
      const tallies = await errorGroups.tallies([old.id, seen.id], 0);
      expect([...tallies.values()]).toEqual([[{ version: 1, hourAt: 2 * hourMs, count: 1 }]]);
    });
  });
}
