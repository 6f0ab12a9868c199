import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SlotTable } from './slot-table.ts';

test('does what a Map does, whatever comes and goes', () => {
  // Each step adds the next id, or removes one of those that are there.
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant('add' as const), fc.nat()), { maxLength: 600 }), (steps) => {
      const table = new SlotTable<{ readonly id: number }>();
      const model = new Map<number, { readonly id: number }>();
      let lastId = 0;
      for (const step of steps) {
        if (step === 'add') {
          const item = { id: ++lastId };
          table.add(item);
          model.set(item.id, item);
        } else {
          const id = [...model.keys()][step % Math.max(1, model.size)] ?? step;
          table.delete(id);
          model.delete(id);
        }
        expect(table.size).toBe(model.size);
      }
      for (let id = 0; id <= lastId + 1; id++) expect(table.get(id)).toBe(model.get(id));
      expect([...table.values()].map(({ id }) => id).sort((a, b) => a - b)).toEqual([...model.keys()]);
    }),
  );
});

test('keeps one that stays for ever beside many that come and go', () => {
  const table = new SlotTable<{ readonly id: number }>();
  const first = { id: 1 };
  table.add(first);
  for (let id = 2; id < 10_000; id++) {
    table.add({ id });
    table.delete(id);
  }
  expect([table.size, table.get(1)]).toEqual([1, first]);
});
