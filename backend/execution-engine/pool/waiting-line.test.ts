import { describe, expect, it } from 'vitest';
import { PlatformError } from '../../../shared/errors.ts';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import type { Lease } from '../../core/ports/instance-pool.ts';
import { WaitingLine } from './waiting-line.ts';

const lease = {} as Lease;
const failure = new PlatformError('function_error', 'init_failed', 'broken');

function rig() {
  const line = new WaitingLine(new ManualClock());
  const outcomes: string[] = [];
  const join = (name: string, slots = 1, signal = new AbortController().signal) => {
    const { promise } = line.join(slots, signal, () => outcomes.push(`${name} left`));
    promise.then(
      () => outcomes.push(`${name} served`),
      (error: PlatformError) => outcomes.push(`${name} ${error.code}`),
    );
  };
  return { line, outcomes, join };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('WaitingLine', () => {
  it('serves in order and counts slots', async () => {
    const { line, outcomes, join } = rig();
    join('a');
    join('b', 3);
    expect([line.size, line.slots]).toEqual([2, 4]);
    for (let first = line.first; first !== undefined; first = line.first) line.serve(first, lease);
    await settled();
    expect(outcomes).toEqual(['a served', 'b served']);
    expect([line.size, line.slots]).toEqual([0, 0]);
  });

  it('lets who gives up leave from the middle, once', async () => {
    const { line, outcomes, join } = rig();
    const giveUp = new AbortController();
    join('a');
    join('b', 2, giveUp.signal);
    join('c');
    giveUp.abort();
    await settled();
    expect(outcomes).toEqual(['b left', 'b acquire_aborted']);
    expect([line.size, line.slots]).toEqual([2, 2]);
    join('late', 1, giveUp.signal);
    await settled();
    expect(outcomes.at(-1)).toBe('late acquire_aborted');
    line.rejectAll(failure);
  });

  it('rejects as many as one boot would have served, at least one', async () => {
    const { line, outcomes, join } = rig();
    for (const name of ['a', 'b', 'c']) join(name);
    line.rejectSlots(2, failure);
    await settled();
    expect(outcomes).toEqual(['a init_failed', 'b init_failed']);
    join('wide', 5);
    line.rejectSlots(1, failure);
    line.rejectSlots(1, failure);
    await settled();
    expect(outcomes.slice(2)).toEqual(['c init_failed', 'wide init_failed']);
  });
});
