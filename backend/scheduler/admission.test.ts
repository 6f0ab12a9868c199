import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { draftVersion } from '../../shared/drafts.ts';
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

  it('gives a draft places of its own, beside those of its function and never of those that are reserved', () => {
    const { admission: gate } = admission({ maxConcurrentInvocations: 3 });
    const live = versionOf({ maxInstances: 1 });
    const { functionId } = live;
    const draft = versionOf({ maxInstances: 9 }, { functionId, version: draftVersion });
    gate.reserve(new Map([[functionId, 1]]));
    const taken = [gate.tryEnter(draft), gate.tryEnter(draft)];
    expect(taken).not.toContain(undefined);
    expect(gate.tryEnter(draft)).toBeUndefined();
    expect(gate.tryEnter(live)).toMatchObject({ limit: 1, inFlight: 1 });
    gate.leave(taken[0] as FunctionLoad, 1);
    expect(gate.tryEnter(live)).toBeUndefined();
    gate.reserve(new Map([[functionId, 2]]));
    expect(gate.tryEnter(draft)).toBeUndefined();
    gate.reserve(new Map());
    expect(gate.tryEnter(draft)).toMatchObject({ limit: 9, inFlight: 2, reserved: 0 });
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

  it('keeps a function below maxConcurrency, whatever its instances could take', () => {
    const { admission: gate } = admission();
    const version = versionOf({ maxConcurrency: 2, concurrency: 100 });
    const loads = [gate.tryEnter(version), gate.tryEnter(version)];
    expect(gate.tryEnter(version)).toBeUndefined();
    let admitted = 0;
    gate.wait(version, true, () => admitted++);
    for (const load of loads) if (load !== undefined) gate.leave(load, 1);
    expect(admitted).toBe(1);
  });

  it('lets a function have its reserved places at once beside a flood, and hands them on when they are reserved no more', () => {
    const { admission: gate } = admission({ maxQueued: 100, maxQueuedPerFunction: 50 });
    const [own, loud] = [versionOf(), versionOf()];
    gate.reserve(new Map([[own.functionId, 2]]));
    const running = Array.from({ length: 5 }, () => gate.tryEnter(loud)).filter((load) => load !== undefined);
    expect(running).toHaveLength(3);
    let flooded = 0;
    for (let i = 0; i < 10; i++) gate.wait(loud, true, () => flooded++);
    expect([gate.tryEnter(own), gate.tryEnter(own)]).not.toContain(undefined);
    expect(gate.tryEnter(own)).toBeUndefined();
    const [first] = running;
    if (first !== undefined) gate.leave(first, 1);
    expect(flooded).toBe(1);
    expect(gate.places).toMatchObject({ total: 5, reserved: 2, taken: 5 });

    const idle = admission({ maxQueued: 100 }).admission;
    idle.reserve(new Map([[own.functionId, 2]]));
    for (let i = 0; i < 3; i++) idle.tryEnter(loud);
    let admitted = 0;
    idle.wait(loud, true, () => admitted++);
    expect(admitted).toBe(0);
    idle.reserve(new Map());
    expect(admitted).toBe(1);
  });

  it('shares the host by weight while functions compete', () => {
    const { admission: gate } = admission({ maxConcurrentInvocations: 1, maxQueued: 1000, maxQueuedPerFunction: 500 });
    const [heavy, light] = [versionOf({ weight: 30 }), versionOf({ weight: 10 })];
    const first = gate.tryEnter(versionOf());
    const served = { heavy: 0, light: 0 };
    let running = first;
    for (let i = 0; i < 400; i++) {
      for (const [name, version] of [['heavy', heavy] as const, ['light', light] as const]) {
        gate.wait(version, true, (load) => {
          served[name]++;
          running = load;
        });
      }
    }
    // Each call takes longer than a quantum, so that rounds are what counts.
    for (let i = 0; i < 300; i++) if (running !== undefined) gate.leave(running, 500);
    expect(served.heavy / served.light).toBeGreaterThan(2.5);
    expect(served.heavy / served.light).toBeLessThan(3.5);
  });

  it('lets a quiet function wait less than twice as long as alone beside a flood of ten times what the host takes', () => {
    const alone = simulate(0);
    const flooded = simulate(10);
    expect(alone.length).toBeGreaterThan(100);
    expect(p99(flooded)).toBeLessThan(2 * p99(alone));
  });
});

/**
 * Ten places, calls of 8 to 12 ms: the quiet function uses half of the host, the other arrives at `flood` times what the host takes. Returns
 * the time from arrival to end of the quiet function's calls, in simulated ms.
 */
function simulate(flood: number): readonly number[] {
  const { admission: gate } = admission({ maxConcurrentInvocations: 10, maxQueued: 2000, maxQueuedPerFunction: 1000 });
  const [quiet, loud] = [versionOf({ maxInstances: 50 }), versionOf({ maxInstances: 50 })];
  const took: number[] = [];
  let calls = 0;
  let ends: { readonly at: number; readonly end: () => void }[] = [];
  const arrive = (version: typeof quiet, now: () => number, onEnd: (at: number) => void) => {
    const run = (load: FunctionLoad) => {
      const handlerMs = 8 + (calls++ % 5);
      const at = now() + handlerMs;
      const end = () => {
        onEnd(at);
        gate.leave(load, handlerMs);
      };
      ends.push({ at, end });
    };
    const load = gate.tryEnter(version);
    if (load !== undefined) run(load);
    else {
      try {
        gate.wait(version, true, run);
      } catch {
        // Refused: the flood is beyond what may wait.
      }
    }
  };
  let nowMs = 0;
  for (; nowMs < 2000; nowMs++) {
    const due = ends.filter(({ at }) => at <= nowMs);
    ends = ends.filter(({ at }) => at > nowMs);
    for (const { end } of due) end();
    for (let i = 0; i < flood; i++)
      arrive(
        loud,
        () => nowMs,
        () => undefined,
      );
    const arrivedMs = nowMs;
    if (nowMs % 2 === 0)
      arrive(
        quiet,
        () => nowMs,
        (at) => took.push(at - arrivedMs),
      );
  }
  return took;
}

function p99(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(0.99 * sorted.length) - 1] ?? Number.NaN;
}
