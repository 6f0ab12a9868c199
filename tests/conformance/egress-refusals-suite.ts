import { describe, expect, it } from 'vitest';
import type { EgressRefusals } from '../../backend/core/ports/egress-refusals.ts';
import type { Store } from '../../backend/core/ports/store.ts';
import { newId } from '../../shared/ids.ts';

const functionId = newId('function');
const refusals = (host: string, over: Partial<EgressRefusals> = {}): EgressRefusals => ({
  functionId,
  host,
  reason: 'not-on-list',
  version: 1,
  count: 1,
  firstAt: 100,
  lastAt: 100,
  ...over,
});

/** The part of the store suite about refused attempts to get out. */
export function describeEgressRefusals(current: () => Store): void {
  describe('refused attempts to get out', () => {
    it('adds up per function, host and reason: sums, the first time, the last time and version', async () => {
      const { egressRefusals } = current();
      await egressRefusals.add([]);
      await egressRefusals.add([
        refusals('a.example:443'),
        refusals('a.example:443', { functionId: newId('function') }),
      ]);
      const later = { version: 2, count: 3, firstAt: 200, lastAt: 250 };
      await egressRefusals.add([refusals('a.example:443', later), refusals('a.example:443', { reason: 'not-public' })]);
      expect(await egressRefusals.list(functionId, 10)).toEqual([
        refusals('a.example:443', { ...later, count: 4, firstAt: 100 }),
        refusals('a.example:443', { reason: 'not-public' }),
      ]);
      // A batch that comes late takes nothing back.
      await egressRefusals.add([refusals('a.example:443', { version: 2 })]);
      expect((await egressRefusals.list(functionId, 10))[0]).toMatchObject({ count: 5, lastAt: 250 });
    });

    it('lists the newest, and forgets what is old', async () => {
      const { egressRefusals } = current();
      await egressRefusals.add([1, 2, 3].map((at) => refusals(`h${at}.example:443`, { firstAt: at, lastAt: at })));
      const hosts = async () => (await egressRefusals.list(functionId, 2)).map(({ host }) => host);
      expect(await hosts()).toEqual(['h3.example:443', 'h2.example:443']);
      expect(await egressRefusals.prune(3)).toBe(2);
      expect(await hosts()).toEqual(['h3.example:443']);
    });
  });
}
