import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostCapacity, type Reservation } from './host-capacity.ts';

const nothing = { instances: 0, memoryMb: 0 };

describe('HostCapacity', () => {
  it('never lends more than there is, and gets everything back', () => {
    const step = fc.record({
      kind: fc.constantFrom('take', 'dying', 'resize', 'release'),
      memoryMb: fc.integer({ min: 1, max: 400 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        let freed = 0;
        const capacity = new HostCapacity({ maxInstances: 4, memoryBudgetMb: 1000, onFreed: () => freed++ });
        const held: Reservation[] = [];
        let released = 0;
        for (const { kind, memoryMb } of steps) {
          const [first] = held;
          if (kind === 'take') {
            const fits = held.length < 4 && capacity.memoryMb + memoryMb <= 1000;
            const taken = capacity.tryReserve(memoryMb);
            expect(taken !== undefined).toBe(fits);
            if (taken !== undefined) held.push(taken);
          } else if (kind === 'dying') first?.markDying();
          else if (kind === 'resize') {
            const before = first?.memoryMb ?? 0;
            const [total, freedBefore] = [capacity.memoryMb, freed];
            const isDone = first?.resize(memoryMb) === true;
            if (isDone) expect(capacity.memoryMb).toBe(total - before + memoryMb);
            else expect([first?.memoryMb ?? 0, capacity.memoryMb]).toEqual([before, total]);
            // Room that became free is told, once.
            expect(freed - freedBefore).toBe(isDone && memoryMb < before ? 1 : 0);
            released += freed - freedBefore;
          } else if (first !== undefined) {
            held.shift();
            first.release();
            first.release();
            released++;
          }
          expect(capacity.instances).toBe(held.length);
          expect(capacity.memoryMb).toBe(held.reduce((sum, one) => sum + one.memoryMb, 0));
          expect(capacity.pressure).toBeLessThanOrEqual(1);
        }
        expect(freed).toBe(released);
        for (const one of held) one.release();
        expect(capacity.instances + capacity.memoryMb).toBe(0);
        expect(capacity.willFit(1000, nothing)).toBe(true);
      }),
    );
  });

  it('counts what is dying as room to come', () => {
    const capacity = new HostCapacity({ maxInstances: 1, memoryBudgetMb: 100, onFreed: () => undefined });
    const only = capacity.tryReserve(100);
    expect(capacity.willFit(100, nothing)).toBe(false);
    expect(capacity.willFit(100, { instances: 1, memoryMb: 100 })).toBe(true);
    only?.markDying();
    expect(capacity.willFit(100, nothing)).toBe(true);
    expect(capacity.tryReserve(100)).toBeUndefined();
    expect(capacity.couldEverFit(101)).toBe(false);
  });
});
