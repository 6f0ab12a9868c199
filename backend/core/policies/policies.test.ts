import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InvocationOutcome } from '../../../shared/invocation.ts';
import { backoffMs } from './backoff.ts';
import { batchWaitMs } from './batch-window.ts';
import { type CircuitState, circuitAfterFailure, circuitBeforeTry, closedCircuit } from './circuit.ts';
import { decideTick } from './misfire.ts';
import { decideRetry, type RetryInput } from './retry.ts';
import { keepAliveMs } from './scaling.ts';

const fraction = fc.double({ min: 0, max: 0.999_999, noNaN: true });

describe('backoffMs', () => {
  it('doubles, never exceeds the maximum, and is at least half of the ceiling', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.nat(100_000),
        fc.nat(1_000_000),
        fraction,
        (n, min, extra, random) => {
          const maxMs = min + extra;
          const ceiling = Math.min(maxMs, min * 2 ** Math.min(40, n - 1));
          const wait = backoffMs(n, { minMs: min, maxMs }, random);
          expect(wait).toBeLessThanOrEqual(maxMs);
          expect(wait).toBeGreaterThanOrEqual(Math.floor(ceiling / 2));
          expect(wait).toBeLessThanOrEqual(Math.ceil(ceiling));
        },
      ),
    );
  });
});

describe('decideRetry', () => {
  const base: RetryInput = {
    outcome: { kind: 'success' },
    attempt: 1,
    maxAttempts: 3,
    minBackoffMs: 1000,
    maxBackoffMs: 8000,
    now: 0,
    expiresAt: 1_000_000,
    random: 0,
  };
  const thrown: InvocationOutcome = { kind: 'function-error', type: 'Error', message: '', stack: '' };
  const fault = (
    name: 'capacity' | 'driver' | 'sandbox-lost' | 'shutting-down',
    retryable = true,
  ): InvocationOutcome => ({
    kind: 'platform-fault',
    fault: name,
    message: '',
    retryable,
  });

  it.each<[string, Partial<RetryInput>, unknown]>([
    ['success', {}, { kind: 'done' }],
    ['cancelled', { outcome: { kind: 'cancelled', message: '' } }, { kind: 'cancelled' }],
    ['an error with attempts left', { outcome: thrown }, { kind: 'retry', runAt: 500 }],
    ['the last attempt', { outcome: thrown, attempt: 3 }, { kind: 'dead-letter', reason: 'attempts-exhausted' }],
    ['no time for another', { outcome: thrown, expiresAt: 499 }, { kind: 'dead-letter', reason: 'too-old' }],
    ['a lost sandbox', { outcome: fault('sandbox-lost') }, { kind: 'retry', runAt: 500 }],
    [
      'a broken protocol',
      { outcome: fault('sandbox-lost', false) },
      { kind: 'dead-letter', reason: 'attempts-exhausted' },
    ],
    ['shutdown, whatever the attempt', { outcome: fault('shutting-down'), attempt: 99 }, { kind: 'release' }],
    ['no capacity, beyond maxAttempts', { outcome: fault('capacity'), attempt: 99 }, { kind: 'retry', runAt: 4000 }],
    ['no capacity, too old', { outcome: fault('driver'), expiresAt: 1 }, { kind: 'dead-letter', reason: 'too-old' }],
  ])('%s', (_, change, expected) => {
    expect(decideRetry({ ...base, ...change })).toEqual(expected);
  });

  it('never plans an attempt after the expiry', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.nat(100_000),
        fc.nat(100_000),
        fraction,
        (attempt, now, left, random) => {
          const decision = decideRetry({
            ...base,
            outcome: thrown,
            attempt,
            maxAttempts: 40,
            now,
            expiresAt: now + left,
            random,
          });
          if (decision.kind === 'retry') expect(decision.runAt).toBeLessThanOrEqual(now + left);
          else expect(decision).toEqual({ kind: 'dead-letter', reason: 'too-old' });
        },
      ),
    );
  });
});

describe('the circuit', () => {
  const settings = { threshold: 3, minOpenMs: 100, maxOpenMs: 350 };

  it('opens at the threshold, probes once its time is over, and waits twice as long after a failed probe', () => {
    let state: CircuitState = closedCircuit;
    for (let i = 0; i < 3; i++) state = circuitAfterFailure(state, 10, settings);
    expect(state).toEqual({ kind: 'open', untilMs: 110, openMs: 100 });
    expect(circuitBeforeTry(state, 109)).toBe(state);
    expect(circuitAfterFailure(state, 50, settings)).toBe(state);
    state = circuitAfterFailure(circuitBeforeTry(state, 110), 120, settings);
    expect(state).toEqual({ kind: 'open', untilMs: 320, openMs: 200 });
    state = circuitAfterFailure(circuitBeforeTry(state, 320), 330, settings);
    expect(state).toEqual({ kind: 'open', untilMs: 680, openMs: 350 });
  });

  it('starts at most one try per open period, however often it is asked', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40), { minLength: 1, maxLength: 400 }), (steps) => {
        let now = 0;
        let state: CircuitState = closedCircuit;
        const tries: number[] = [];
        for (const step of steps) {
          now += step;
          state = circuitBeforeTry(state, now);
          if (state.kind === 'open') continue;
          tries.push(now);
          state = circuitAfterFailure(state, now, settings);
        }
        for (let i = 3; i < tries.length; i++)
          expect((tries[i] ?? 0) - (tries[i - 1] ?? 0)).toBeGreaterThanOrEqual(100);
      }),
    );
  });
});

describe('keepAliveMs', () => {
  it('is what the version asks for while there is room, and falls as the host fills', () => {
    expect(keepAliveMs({ idleTimeoutMs: 600_000, pressure: 0.5 })).toBe(600_000);
    expect(keepAliveMs({ idleTimeoutMs: 600_000, pressure: 1 })).toBe(10_000);
    expect(keepAliveMs({ idleTimeoutMs: 5000, pressure: 1 })).toBe(5000);
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 600_000 }), fraction, fraction, (idleTimeoutMs, a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        const relaxed = keepAliveMs({ idleTimeoutMs, pressure: low });
        expect(keepAliveMs({ idleTimeoutMs, pressure: high })).toBeLessThanOrEqual(relaxed);
        expect(relaxed).toBeLessThanOrEqual(idleTimeoutMs);
      }),
    );
  });
});

describe('batchWaitMs', () => {
  it('is nothing while idle, and never leaves less than twice the usual time before the deadline', () => {
    expect(batchWaitMs({ windowMs: 50, isIdle: true, remainingMs: 1000, expectedMs: 1 })).toBe(0);
    expect(batchWaitMs({ windowMs: 50, isIdle: false, remainingMs: 1000, expectedMs: 1 })).toBe(50);
    fc.assert(
      fc.property(
        fc.nat(60_000),
        fc.integer({ min: -1000, max: 60_000 }),
        fc.nat(5000),
        (windowMs, remainingMs, expectedMs) => {
          const wait = batchWaitMs({ windowMs, isIdle: false, remainingMs, expectedMs });
          expect(wait).toBeGreaterThanOrEqual(0);
          if (wait > 0) expect(remainingMs - wait).toBeGreaterThanOrEqual(Math.max(2 * expectedMs, remainingMs / 2));
        },
      ),
    );
  });
});

describe('decideTick', () => {
  it.each([
    ['on time', 1000, 'skip', { kind: 'fire', tickAt: 1000, isLate: false }],
    ['just in time', 900, 'skip', { kind: 'fire', tickAt: 900, isLate: false }],
    ['a little too late', 899, 'skip', { kind: 'skip', tickAt: 899 }],
    ['at this moment', 1100, 'skip', { kind: 'fire', tickAt: 1100, isLate: false }],
    ['late, skip', 500, 'skip', { kind: 'skip', tickAt: 500 }],
    ['late, run once', 500, 'run-once', { kind: 'fire', tickAt: 500, isLate: true }],
    ['nothing missed', undefined, 'run-once', { kind: 'none' }],
    ['the clock went back a little', 1101, 'skip', { kind: 'none' }],
    ['the clock went back', 2000, 'run-once', { kind: 'none' }],
  ] as const)('%s', (_, missedTickAt, policy, expected) => {
    expect(decideTick({ missedTickAt, now: 1100, policy, graceMs: 200 })).toEqual(expected);
  });
});
