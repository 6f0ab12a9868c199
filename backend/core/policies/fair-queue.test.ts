import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue } from './fair-queue.ts';
import { Fifo, type FifoNode } from './fifo.ts';

const always = () => true;

describe('Fifo', () => {
  it('behaves like a list under any mix of operations', () => {
    const operation = fc.oneof(
      fc.constant({ kind: 'push' as const }),
      fc.constant({ kind: 'shift' as const }),
      fc.nat(20).map((index) => ({ kind: 'remove' as const, index })),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 100 }), (operations) => {
        const fifo = new Fifo<number>();
        const model: FifoNode<number>[] = [];
        let next = 0;
        for (const step of operations) {
          if (step.kind === 'push') model.push(fifo.push(next++));
          else if (step.kind === 'shift') expect(fifo.shift()).toBe(model.shift()?.item);
          else {
            const [node] = model.splice(step.index, 1);
            if (node === undefined) continue;
            expect(fifo.remove(node)).toBe(true);
            expect(fifo.remove(node)).toBe(false);
          }
          expect([...fifo]).toEqual(model.map(({ item }) => item));
          expect(fifo.size).toBe(model.length);
          expect(fifo.peek()).toBe(model[0]?.item);
        }
      }),
    );
  });
});

describe('FairQueue', () => {
  it('serves flows in turns when items cost the same, and each flow in order', () => {
    const queue = new FairQueue<string, string>({ costOf: () => 1, quantumOf: () => 1 });
    for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.push(item.charAt(0), item);
    const served = Array.from({ length: 6 }, () => queue.takeNext(always));
    expect(served.slice(0, 3).toSorted()).toEqual(['a1', 'b1', 'c1']);
    expect(served.filter((item) => item?.startsWith('a'))).toEqual(['a1', 'a2', 'a3']);
    expect(queue.takeNext(always)).toBeUndefined();
  });

  it('gives a flow with expensive items fewer of them', () => {
    const queue = new FairQueue<string, string>({
      costOf: (item) => (item === 'slow' ? 1000 : 100),
      quantumOf: () => 100,
    });
    for (let i = 0; i < 200; i++) {
      queue.push('slow', 'slow');
      queue.push('fast', 'fast');
    }
    const served = Array.from({ length: 110 }, () => queue.takeNext(always));
    const slow = served.filter((item) => item === 'slow').length;
    expect(slow).toBeGreaterThanOrEqual(8);
    expect(slow).toBeLessThanOrEqual(12);
  });

  it('passes over flows that cannot be served, and lets items leave', () => {
    const queue = new FairQueue<string, string>({ costOf: () => 1, quantumOf: () => 1 });
    queue.push('a', 'a1');
    const ticket = queue.push('b', 'b1');
    queue.push('b', 'b2');
    expect(queue.takeNext((key) => key === 'b')).toBe('b1');
    expect(ticket.leave()).toBe(false);
    expect(queue.takeNext(() => false)).toBeUndefined();
    expect(queue.size).toBe(2);
  });

  it('loses and invents nothing, and delays no flow by more than one round of the others', () => {
    const flows = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(flows, (sizes) => {
        const queue = new FairQueue<number, string>({ costOf: () => 1, quantumOf: () => 1 });
        for (const [flow, size] of sizes.entries()) for (let i = 0; i < size; i++) queue.push(flow, `${flow} ${i}`);
        const total = sizes.reduce((sum, size) => sum + size, 0);
        const served = Array.from({ length: total }, () => queue.takeNext(always));
        expect(new Set(served).size).toBe(total);
        expect(queue.size).toBe(0);
        for (const flow of sizes.keys()) expect(served.indexOf(`${flow} 0`)).toBeLessThan(2 * sizes.length);
      }),
    );
  });
});
