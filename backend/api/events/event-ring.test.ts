import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventRing } from './event-ring.ts';

const ringOf = (options: Partial<ConstructorParameters<typeof EventRing>[0]> = {}) =>
  new EventRing({ base: 100, maxEvents: 3, maxChars: 1000, ...options });

describe('EventRing', () => {
  test('positions ascend from the base; a reader goes on after any of them', () => {
    const ring = ringOf();
    expect([ring.head, ring.after(100), ring.gapAfter(100)]).toEqual([100, undefined, undefined]);
    ring.push('tick', 'a');
    ring.push('tick', 'b');
    expect(ring.head).toBe(102);
    expect(ring.after(100)).toEqual({ position: 101, kind: 'tick', json: 'a' });
    expect(ring.after(101)?.json).toBe('b');
    expect(ring.after(102)).toBeUndefined();
  });

  test('says how many events are gone, and where to go on', () => {
    const ring = ringOf();
    for (const json of ['a', 'b', 'c', 'd', 'e']) ring.push('tick', json);
    expect(ring.gapAfter(101)).toEqual({ lost: 1, resumeAfter: 102 });
    expect(ring.gapAfter(102)).toBeUndefined();
    expect(ring.after(101)).toBeUndefined();
    // Before this ring was made nobody counted; after its end nothing can have been.
    expect(ring.gapAfter(99)).toEqual({ lost: null, resumeAfter: 102 });
    expect(ring.gapAfter(106)).toEqual({ lost: null, resumeAfter: 105 });
  });

  test('is bounded by the length of what it holds; the newest stays', () => {
    const ring = ringOf({ maxEvents: 100, maxChars: 10 });
    for (let i = 0; i < 4; i++) ring.push('tick', 'xxxx');
    expect(ring.gapAfter(100)).toEqual({ lost: 2, resumeAfter: 102 });
    ring.push('tick', 'x'.repeat(50));
    expect(ring.gapAfter(100)?.lost).toBe(4);
    expect(ring.after(104)?.json).toHaveLength(50);
  });

  test('every event after a position is either read or counted as lost', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.nat(40), fc.integer({ min: 1, max: 10 }), (count, from, maxEvents) => {
        const ring = ringOf({ base: 0, maxEvents });
        for (let i = 1; i <= count; i++) ring.push('tick', String(i));
        fc.pre(from <= count);
        const gap = ring.gapAfter(from);
        let position = gap?.resumeAfter ?? from;
        const read: number[] = [];
        for (let event = ring.after(position); event !== undefined; event = ring.after(position)) {
          read.push(Number(event.json));
          position = event.position;
        }
        expect((gap?.lost ?? 0) + read.length).toBe(count - from);
        if (read.length > 0) expect(read.at(-1)).toBe(count);
      }),
    );
  });
});
