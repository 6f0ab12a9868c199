import { describe, expect, it } from 'vitest';
import { deleteEvent, savedEvents, saveError, saveEvent } from './saved-events.ts';

function memory() {
  const values = new Map<string, string>();
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
  };
}

describe('saved events', () => {
  it('are kept per function, by name, each name once', () => {
    const storage = memory();
    expect(saveEvent(storage, 'hello', { name: 'big order', event: '{"n":1}' })).toBe(true);
    saveEvent(storage, 'hello', { name: ' a first ', event: '1' });
    saveEvent(storage, 'hello', { name: 'big order', event: '{"n":2}' });
    expect(savedEvents(storage, 'hello')).toEqual([
      { name: 'a first', event: '1' },
      { name: 'big order', event: '{"n":2}' },
    ]);
    expect(savedEvents(storage, 'other')).toEqual([]);
    deleteEvent(storage, 'hello', 'a first');
    expect(savedEvents(storage, 'hello')).toHaveLength(1);
  });

  it('are nothing where the storage holds something else', () => {
    expect(savedEvents({ getItem: () => '{broken' }, 'x')).toEqual([]);
    expect(savedEvents({ getItem: () => '{"a":1}' }, 'x')).toEqual([]);
    expect(savedEvents({ getItem: () => '[{"name":1},{"name":"a","event":"1"}]' }, 'x')).toHaveLength(1);
  });

  it('say why they cannot be saved', () => {
    const full = Array.from({ length: 20 }, (_, index) => ({ name: `e${index}`, event: '1' }));
    expect(saveError(full, 'new', '1')).toMatch(/20 saved events/);
    expect(saveError(full, 'e3', '1')).toBeUndefined();
    expect(saveError([], '  ', '1')).toMatch(/1 to 60/);
    expect(saveError([], 'x', 'x'.repeat(300_000))).toMatch(/256 KiB/);
    const broken = {
      getItem: () => null,
      setItem: () => {
        throw new Error('full');
      },
    };
    expect(saveEvent(broken, 'x', { name: 'a', event: '1' })).toBe(false);
  });
});
