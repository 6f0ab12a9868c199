import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DemandHistory } from './demand-history.ts';
import { calmScale, decideScale, type ScaleInput } from './scaling.ts';

const quiet: ScaleInput = {
  nowMs: 1_000_000,
  waitingSlots: 0,
  waitedMs: 0,
  leasedSlots: 0,
  booting: 0,
  live: 0,
  minInstances: 0,
  maxInstances: 20,
  concurrency: 1,
  isProbing: false,
  holdMs: undefined,
  startMs: undefined,
  stableSlots: 0,
  panicSlots: 0,
};
const decide = (input: Partial<ScaleInput>, state = calmScale) => decideScale(state, { ...quiet, ...input }).decision;

describe('decideScale', () => {
  it('never goes beyond maxInstances, never probes with more than one, boots no more than are missing', () => {
    const input = fc.record({
      nowMs: fc.nat(1_000_000),
      waitingSlots: fc.nat(2000),
      waitedMs: fc.nat(1000),
      leasedSlots: fc.nat(2000),
      booting: fc.nat(50),
      live: fc.nat(50),
      minInstances: fc.nat(20),
      maxInstances: fc.integer({ min: 1, max: 60 }),
      concurrency: fc.integer({ min: 1, max: 100 }),
      isProbing: fc.boolean(),
      holdMs: fc.option(fc.double({ min: 0, max: 1e5, noNaN: true }), { nil: undefined }),
      startMs: fc.option(fc.double({ min: 0, max: 1e5, noNaN: true }), { nil: undefined }),
      stableSlots: fc.double({ min: 0, max: 3000, noNaN: true }),
      panicSlots: fc.double({ min: 0, max: 3000, noNaN: true }),
    });
    fc.assert(
      fc.property(input, (d) => {
        const { boots, target } = decideScale(calmScale, d).decision;
        const most = Math.max(d.maxInstances, d.minInstances);
        expect(target).toBeLessThanOrEqual(most);
        expect(boots).toBeGreaterThanOrEqual(0);
        if (boots > 0) expect(d.live + d.booting + boots).toBeLessThanOrEqual(most);
        if (boots > 0 && d.isProbing) expect(d.booting + boots).toBe(1);
        // Whoever waits is waited for by an instance or a boot, unless running instances take them.
        if (d.waitingSlots > 0 && d.live === 0 && d.booting === 0) expect(boots).toBeGreaterThan(0);
      }),
    );
  });

  it.each([
    ['every waiting call when nothing runs', { waitingSlots: 7 }, 7],
    ['not for calls that a boot under way will take', { waitingSlots: 7, booting: 7 }, 0],
    ['by slots, not by calls', { waitingSlots: 11, concurrency: 10 }, 2],
    ['at most maxInstances', { waitingSlots: 1000, maxInstances: 4 }, 4],
    // 2 running instances, 2 ms a call, 10 ms a start: 10 calls are taken while a boot would be under way.
    ['not for calls that running instances take first', { waitingSlots: 10, live: 2, holdMs: 2, startMs: 10 }, 0],
    ['for those beyond', { waitingSlots: 13, live: 2, holdMs: 2, startMs: 10 }, 3],
    [
      'for all when the first waits longer than a start',
      { waitingSlots: 3, live: 2, holdMs: 2, startMs: 10, waitedMs: 11 },
      3,
    ],
    ['for slow calls at once', { waitingSlots: 2, live: 1, leasedSlots: 1, holdMs: 5000, startMs: 10 }, 2],
    ['what the last seconds needed', { live: 1, leasedSlots: 1, holdMs: 2, startMs: 10, panicSlots: 3.2 }, 3],
    ['minInstances', { minInstances: 3, booting: 1 }, 2],
    ['nothing for the past of a quiet function', { panicSlots: 5, stableSlots: 5 }, 0],
  ] as const)('boots for %s', (_, input, boots) => {
    expect(decide(input).boots).toBe(boots);
  });

  it('gives up nothing for a minute after calls have doubled', () => {
    const rising = { ...quiet, live: 2, leasedSlots: 2, panicSlots: 5, stableSlots: 0.5 };
    const first = decideScale(calmScale, rising);
    expect(first.decision).toMatchObject({ mode: 'panic', boots: 3, target: 5 });
    const later = { ...rising, live: 5, panicSlots: 0.4, nowMs: rising.nowMs + 59_999 };
    expect(decideScale(first.state, later).decision).toMatchObject({ mode: 'panic', target: 5, boots: 0 });
    const calm = decideScale(first.state, { ...later, nowMs: rising.nowMs + 60_000 }).decision;
    expect(calm).toMatchObject({ mode: 'stable', target: 2 });
    expect(calm.reason).toContain('2 would do');
  });

  it('says why in every case', () => {
    for (const input of [{}, { waitingSlots: 1 }, { waitingSlots: 1, booting: 1 }, { live: 1, leasedSlots: 1 }]) {
      expect(decide(input).reason).not.toBe('');
    }
    expect(decide({}).mode).toBe('zero');
    expect(decide({ waitingSlots: 9, maxInstances: 4 }).reason).toBe('9 calls wait; maxInstances allows 4');
  });
});

describe('DemandHistory', () => {
  it('agrees with a plain list of the peaks of seconds', () => {
    const steps = fc.array(fc.tuple(fc.nat(2500), fc.nat(50)), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(steps, (all) => {
        const history = new DemandHistory({ stableSeconds: 10, panicSeconds: 3 });
        const peaks: number[] = [];
        let nowMs = 0;
        let current = 0;
        let second = 0;
        history.advance(0, 0);
        for (const [ms, slots] of all) {
          nowMs += ms;
          for (; second < Math.floor(nowMs / 1000); second++) {
            peaks.push(current);
            if (second + 1 === Math.floor(nowMs / 1000)) current = slots;
          }
          current = Math.max(current, slots);
          history.advance(nowMs, slots);
        }
        const mean = (count: number) => peaks.slice(-count).reduce((sum, peak) => sum + peak, 0) / count;
        expect(history.stableSlots).toBeCloseTo(mean(10), 6);
        expect(history.panicSlots).toBeCloseTo(mean(3), 6);
      }),
    );
  });
});
