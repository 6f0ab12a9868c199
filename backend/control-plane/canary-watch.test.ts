import { expect, test } from 'vitest';
import { newId } from '../../shared/ids.ts';
import { ManualClock } from '../../tests/fakes/manual-clock.ts';
import { CanaryWatch, type CanaryWatchOptions } from './canary-watch.ts';

/** What is taken back of a canary, version 2, whose handler has this p95, beside a stable version with 40 ms. */
async function takenBack(p95: number, maxP95Ratio: number | undefined): Promise<readonly string[]> {
  const reasons: string[] = [];
  const clock = new ManualClock(1_000_000);
  const guard = { stable: 1, maxErrorRateRise: 0.05, minInvocations: 20, windowMs: 60_000, maxP95Ratio };
  const versions = [1, 2].map((version) => ({ version, weight: 1 }));
  const alias = { name: 'live', versions, updatedAt: 990_000, canary: guard };
  const watch = new CanaryWatch({
    directory: {
      entries: () => [{ record: { id: newId('function'), name: 'shop' }, aliases: new Map([['live', alias]]) }],
    },
    aliases: {
      abortCanary: async (_name: string, _seen: unknown, { reason }: { reason: string }) => reasons.push(reason),
    },
    metrics: {
      series: async ({ version, from }: { version: number; from: number }) => {
        // Calls from before the alias was moved are none of the canary.
        expect(from).toBe(990_000);
        // All of a call's time would be as slow for both: it has waits and cold starts in it.
        return {
          total: { invocations: 30, errors: 0, handlerMs: { p95: version === 2 ? p95 : 40 }, totalMs: { p95: 500 } },
        };
      },
    },
    ...{ clock, logger: { warn: () => undefined }, intervalMs: 5000 },
  } as unknown as CanaryWatchOptions);
  watch.start();
  await clock.advance(5000);
  await watch.close();
  return reasons;
}

test('takes back a canary whose handler is slower than its guard allows', async () => {
  expect(await takenBack(120, 2)).toEqual(['version 2: p95 was 120 ms in 30 calls, against 40 ms in 30 of version 1']);
});

test('leaves one that is as fast, or whose guard says nothing of it', async () => {
  expect(await takenBack(80, 2)).toEqual([]);
  expect(await takenBack(120, undefined)).toEqual([]);
});
