import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { versionOf } from '../../tests/fakes/pool-rig.ts';
import { Admission, type FunctionLoad } from './admission.ts';

function admission(settings = {}) {
  const throttles: string[] = [];
  const made = new Admission({
    settings: { maxConcurrentInvocations: 5, maxQueued: 6, maxQueuedPerFunction: 4, ...settings },
    onThrottle: (_, limit) => throttles.push(limit),
  });
  return { admission: made, throttles };
}

describe('Admission', () => {
  it('keeps every limit and loses nobody under any order of arrivals and departures', () => {
    const step = fc.record({ isArrival: fc.boolean(), which: fc.nat(2), handlerMs: fc.nat(500) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { admission: gate } = admission();
        const versions = [
          versionOf({ maxInstances: 1 }),
          versionOf({ maxInstances: 2 }),
          versionOf({ maxInstances: 9 }),
        ];
        const running: FunctionLoad[] = [];
        let admitted = 0;
        let arrived = 0;
        let refused = 0;
        for (const { isArrival, which, handlerMs } of steps) {
          const version = versions[which];
          if (version === undefined) continue;
          if (!isArrival) {
            const [left] = running.splice(which % Math.max(1, running.length), 1);
            if (left !== undefined) gate.leave(left, handlerMs);
            continue;
          }
          arrived++;
          const enter = (load: FunctionLoad) => {
            admitted++;
            running.push(load);
          };
          const load = gate.tryEnter(version);
          try {
            if (load === undefined) gate.wait(version, true, enter);
            else enter(load);
          } catch {
            refused++;
          }
          expect(gate.inFlight).toBeLessThanOrEqual(5);
          for (const one of running) expect(one.inFlight).toBeLessThanOrEqual(one.limit);
          expect(gate.queued).toBeLessThanOrEqual(6);
          expect(admitted + refused + gate.queued).toBe(arrived);
        }
        while (running.length > 0) gate.leave(running.shift() as FunctionLoad, 1);
        expect(admitted + refused).toBe(arrived);
        expect(gate.inFlight).toBe(0);
      }),
    );
  });

  it('says which limit it was, and when to come back', () => {
    const { admission: gate, throttles } = admission({ maxQueuedPerFunction: 1, maxQueued: 1 });
    const [one, two] = [versionOf({ maxInstances: 1 }), versionOf({ maxInstances: 1 })];
    for (const version of [one, two]) gate.tryEnter(version);
    gate.wait(one, true, () => undefined);
    const again = () => gate.wait(one, true, () => undefined);
    expect(again).toThrow(expect.objectContaining({ code: 'concurrency_limit', retryAfterSeconds: 1 }));
    const other = () => gate.wait(two, true, () => undefined);
    expect(other).toThrow(expect.objectContaining({ code: 'queue_full', kind: 'throttled' }));
    expect(throttles).toEqual(['function', 'queue']);
    expect(() => gate.wait(two, false, () => undefined)).not.toThrow();
  });
});
