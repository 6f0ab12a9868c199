import { describe, expect, it } from 'vitest';
import { FirstUses } from './first-uses.ts';

function setUp() {
  const bodies = new Map<string, string>();
  const warnings: string[] = [];
  const state = { now: 1000, puts: 0, isBroken: false };
  const documents = {
    get: async (name: string) => bodies.get(name),
    put: async (name: string, body: string) => {
      state.puts++;
      if (state.isBroken) throw new Error('the disk is full');
      bodies.set(name, body);
    },
  };
  const make = () =>
    new FirstUses({
      store: { documents } as never,
      clock: { now: () => state.now } as never,
      logger: { warn: (_: unknown, text: string) => warnings.push(text) } as never,
    });
  return { make, state, warnings };
}

describe('first uses of clients', () => {
  it('are written once, also by a platform that was started again, and per project', async () => {
    const { make, state } = setUp();
    const uses = make();
    expect(await uses.firstAt('default', 'cli')).toBeUndefined();
    uses.note('default', 'cli');
    uses.note('default', 'cli');
    await uses.settled();
    state.now = 2000;
    const later = make();
    later.note('default', 'cli');
    later.note('shop', 'ci');
    await later.settled();
    expect(state.puts).toBe(2);
    expect(await later.firstAt('default', 'cli')).toBe(1000);
    expect(await later.firstAt('shop', 'ci')).toBe(2000);
    expect(await later.firstAt('shop', 'cli')).toBeUndefined();
  });

  it('are tried again with the next use when they could not be written', async () => {
    const { make, state, warnings } = setUp();
    const uses = make();
    state.isBroken = true;
    uses.note('default', 'ci');
    await uses.settled();
    expect(warnings).toHaveLength(1);
    expect(await uses.firstAt('default', 'ci')).toBeUndefined();
    state.isBroken = false;
    uses.note('default', 'ci');
    await uses.settled();
    expect(await uses.firstAt('default', 'ci')).toBe(1000);
  });
});
