import { describe, expect, it } from 'vitest';
import { PlatformError } from '../../../shared/errors.ts';
import { newId } from '../../../shared/ids.ts';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import type { InstanceCall, InstanceResult, Lease } from '../../core/ports/instance-pool.ts';
import { WaitingLine } from './waiting-line.ts';

const lease = {} as Lease;
const failure = new PlatformError('function_error', 'init_failed', 'broken');

function rig() {
  const line = new WaitingLine(new ManualClock());
  const outcomes: string[] = [];
  const join = (
    name: string,
    slots = 1,
    signal = new AbortController().signal,
    ahead: (() => InstanceCall) | undefined = undefined,
  ) => {
    const { promise } = line.join(slots, signal, () => outcomes.push(`${name} left`), ahead);
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

  describe('a call that was sent to an instance that starts', () => {
    const [own, other] = [newId('instance', 0), newId('instance', 0)];
    function bound(signal = new AbortController().signal) {
      const r = rig();
      const cancelled: string[] = [];
      const sent = {
        result: Promise.resolve({} as InstanceResult),
        cancel: (reason: string) => void cancelled.push(reason),
      };
      r.join('a', 1, signal, () => ({}) as InstanceCall);
      r.join('b');
      r.line.sendAhead(own, () => sent);
      return { ...r, cancelled, sent };
    }

    it('waits for that instance alone, and is counted', async () => {
      const { line, outcomes, sent } = bound();
      expect([line.size, line.slots, line.first?.ahead]).toEqual([2, 2, undefined]);
      if (line.first !== undefined) line.serve(line.first, lease);
      line.serveBound(other, () => lease);
      await settled();
      expect([outcomes, line.size]).toEqual([['b served'], 1]);
      line.serveBound(own, (waiter, given) => {
        expect([waiter.slots, given]).toEqual([1, sent]);
        return lease;
      });
      await settled();
      expect([outcomes, line.size, line.slots]).toEqual([['b served', 'a served'], 0, 0]);
    });

    it('is cancelled when its caller leaves, and when all are sent away', async () => {
      const giveUp = new AbortController();
      const left = bound(giveUp.signal);
      giveUp.abort();
      const sentAway = bound();
      sentAway.line.rejectAll(failure);
      await settled();
      expect([left.outcomes, left.line.size, left.cancelled.length]).toEqual([['a left', 'a acquire_aborted'], 1, 1]);
      expect(sentAway.outcomes).toEqual(['a init_failed', 'b init_failed']);
      expect([sentAway.line.size, sentAway.cancelled]).toEqual([0, ['broken']]);
    });

    it('fails with its instance, which would have served it and no other', async () => {
      const { line, outcomes } = bound();
      line.rejectBoot(other, 1, failure);
      await settled();
      expect(outcomes).toEqual(['b init_failed']);
      const again = bound();
      again.line.rejectBoot(own, 1, failure);
      await settled();
      expect([again.outcomes, again.line.size]).toEqual([['a init_failed'], 1]);
    });

    it('stays an ordinary waiter when it may not be sent, or cannot be', () => {
      const { line, join } = rig();
      join('a');
      line.sendAhead(own, () => {
        throw new Error('asked for a call that may not be sent');
      });
      const declined = rig();
      declined.join('a', 1, undefined, () => ({}) as InstanceCall);
      declined.line.sendAhead(own, () => undefined);
      expect([line.first?.slots, declined.line.first?.slots]).toEqual([1, 1]);
    });
  });
});
