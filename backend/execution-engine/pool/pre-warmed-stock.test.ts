import { expect, test } from 'vitest';
import { defaultVersionConfig } from '../../../shared/version-config.ts';
import { SystemClock } from '../../core/system-clock.ts';
import { PreWarmedStock } from './pre-warmed-stock.ts';
import { shapeOf } from './sandbox-shape.ts';

/** A stock whose sandboxes never start, and the warnings that it wrote. */
function failingStock() {
  const warnings: string[] = [];
  const stock = new PreWarmedStock({
    maker: { canPreWarm: () => true },
    generic: { make: () => Promise.reject(new Error('no')) },
    capacity: { tryReserve: () => ({ release: () => undefined }) },
    clock: new SystemClock(),
    logger: {
      debug: () => undefined,
      info: () => undefined,
      warn: (_: unknown, text: string) => warnings.push(text),
      error: () => undefined,
    },
    perDefaultShape: 1,
    perUsedShape: 1,
    maxPreWarmed: 10,
    ttlMs: 1000,
    refillDelayMs: 1,
    onWanted: () => undefined,
  } as unknown as ConstructorParameters<typeof PreWarmedStock>[0]);
  stock.addDefault(shapeOf('process', 'nodejs', defaultVersionConfig('nodejs', 'process')));
  return { stock, warnings };
}

test('a sandbox that does not start is a warning, and is not tried again at once', async () => {
  const { stock, warnings } = failingStock();
  await stock.refillOne(new AbortController().signal);
  expect(warnings).toEqual(['a pre-warmed sandbox did not start']);
  expect(stock.refillOne(new AbortController().signal)).toBeUndefined();
  await stock.close('over');
});

test('one that was given up because the platform goes down is none', async () => {
  const { stock, warnings } = failingStock();
  const abort = new AbortController();
  const refill = stock.refillOne(abort.signal);
  abort.abort();
  await refill;
  expect(warnings).toEqual([]);
  await stock.close('over');
});
