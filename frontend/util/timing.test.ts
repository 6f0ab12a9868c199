import { describe, expect, it } from 'vitest';
import type { Timing } from '../../shared/invocation.ts';
import { phasesOf } from './timing.ts';

const none: Timing = {
  queuedMs: 0,
  acquireMs: 0,
  bootMs: 0,
  loadMs: 0,
  initMs: 0,
  firstByteMs: 0,
  handlerMs: 0,
  flushMs: 0,
  totalMs: 0,
};
const names = (timing: Timing) => phasesOf(timing).map((phase) => [phase.id, phase.ms]);

describe('phasesOf', () => {
  it('takes the start out of the time that it took to get an instance', () => {
    const timing = {
      ...none,
      queuedMs: 2,
      acquireMs: 70,
      bootMs: 40,
      loadMs: 5,
      initMs: 20,
      handlerMs: 12,
      totalMs: 84,
    };
    expect(names(timing)).toEqual([
      ['queue', 2],
      ['acquire', 5],
      ['boot', 40],
      ['specialise', 5],
      ['init', 20],
      ['handler', 12],
    ]);
  });

  it('shows only the handler of a warm call', () => {
    expect(names({ ...none, handlerMs: 3, totalMs: 3 })).toEqual([['handler', 3]]);
  });

  it('has no negative wait when clocks disagree', () => {
    expect(names({ ...none, acquireMs: 10, bootMs: 11 })).toEqual([
      ['boot', 11],
      ['handler', 0],
    ]);
  });
});
