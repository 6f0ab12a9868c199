import { describe, expect, it } from 'vitest';
import type { CanaryAbortRecord } from '../../backend/core/ports/canary-aborts.ts';
import type { Store } from '../../backend/core/ports/store.ts';
import { newId } from '../../shared/ids.ts';

const functionId = newId('function');
const abort = (at: number, over: Partial<CanaryAbortRecord> = {}): CanaryAbortRecord => ({
  ...{ functionId, alias: 'live', version: 2, stable: 1, reason: 'it failed', at },
  ...over,
});

/** The part of the store suite about canaries that were taken back. */
export function describeCanaryAborts(current: () => Store): void {
  describe('canaries that were taken back', () => {
    it('are listed by function and time, the newest first, and forgotten when they are old', async () => {
      const { canaryAborts } = current();
      const other = newId('function');
      for (const record of [abort(10), abort(30, { alias: 'beta' }), abort(20, { functionId: other })])
        await canaryAborts.add(record);
      const list = async (over: object) =>
        await canaryAborts.list({ functionId: undefined, from: 0, to: 100, limit: 10, ...over });
      expect(await list({})).toEqual([abort(30, { alias: 'beta' }), abort(20, { functionId: other }), abort(10)]);
      expect(await list({ functionId })).toEqual([abort(30, { alias: 'beta' }), abort(10)]);
      expect(await list({ from: 10, to: 30, limit: 1 })).toEqual([abort(20, { functionId: other })]);
      expect(await canaryAborts.prune(30)).toBe(2);
      expect(await list({})).toEqual([abort(30, { alias: 'beta' })]);
    });

    it('go with the transaction that moves the alias', async () => {
      const store = current();
      const failing = store.transaction(async (tx) => {
        await tx.canaryAborts.add(abort(40));
        throw new Error('the alias was moved by somebody else');
      });
      await expect(failing).rejects.toThrow('somebody else');
      expect(await store.canaryAborts.list({ functionId, from: 40, to: 41, limit: 1 })).toEqual([]);
    });
  });
}
