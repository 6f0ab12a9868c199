import { describe, expect, it } from 'vitest';
import { areShortcutsOn, ShortcutReader, setShortcuts } from './shortcuts.ts';

describe('ShortcutReader', () => {
  it('reads single keys, and pairs that begin with g', () => {
    const reader = new ShortcutReader();
    expect(reader.read('j', 0)).toEqual({ kind: 'row', step: 1 });
    expect(reader.read('g', 10)).toBeUndefined();
    expect(reader.read('l', 500)).toEqual({ kind: 'go', key: 'l' });
    expect(reader.read('l', 600)).toEqual({ kind: 'live' });
    expect(reader.read('?', 700)).toEqual({ kind: 'help' });
    expect(reader.read('x', 800)).toEqual({ kind: 'choose' });
  });

  it('forgets a g after a while', () => {
    const reader = new ShortcutReader();
    reader.read('g', 0);
    expect(reader.read('t', 2000)).toEqual({ kind: 'range' });
  });

  it('knows nothing of other keys, nor of names that every object has', () => {
    expect(new ShortcutReader().read('y', 0)).toBeUndefined();
    expect(new ShortcutReader().read('constructor', 0)).toBeUndefined();
  });
});

describe('the switch', () => {
  it('is on until it was switched off', () => {
    const values = new Map<string, string>();
    const storage = {
      getItem: (key: string) => values.get(key) ?? null,
      setItem: (key: string, value: string) => void values.set(key, value),
      removeItem: (key: string) => void values.delete(key),
    };
    expect(areShortcutsOn(storage)).toBe(true);
    setShortcuts(storage, false);
    expect(areShortcutsOn(storage)).toBe(false);
    setShortcuts(storage, true);
    expect(areShortcutsOn(storage)).toBe(true);
  });
});
