import { describe, expect, it } from 'vitest';
import { testEventNamePattern } from '../../shared/test-events.ts';
import { type BrowserEvent, browserEvents, deleteBrowserEvent, takeOverEvents } from './browser-events.ts';

function memory(events: readonly BrowserEvent[] = []) {
  const values = new Map([['hearth.events.hello', JSON.stringify(events)]]);
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
  };
}

/** The platform's private events, as far as taking over goes; `most` of them at once. */
function platform(kept: Readonly<Record<string, string>> = {}, most = 20) {
  const texts = new Map(Object.entries(kept));
  return {
    texts,
    names: async () => [...texts.keys()],
    text: async (name: string) => texts.get(name) ?? '',
    put: async (name: string, text: string) => {
      if (!testEventNamePattern.test(name)) throw new Error(`no name: ${name}`);
      if (texts.size >= most) throw new Error('too many');
      texts.set(name, text);
    },
  };
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
const takeOver = (storage: ReturnType<typeof memory>, to: ReturnType<typeof platform>) =>
  takeOverEvents(storage, 'hello', to, messageOf);

describe('events of this browser', () => {
  it('are read per function; what the storage holds of others is left out', () => {
    const events = [{ name: 'a', event: '1' }];
    expect(browserEvents(memory(events), 'hello')).toEqual(events);
    expect(browserEvents(memory(events), 'other')).toEqual([]);
    expect(browserEvents({ getItem: () => '{broken' }, 'x')).toEqual([]);
    expect(browserEvents({ getItem: () => '{"a":1}' }, 'x')).toEqual([]);
    expect(browserEvents({ getItem: () => '[{"name":1},{"name":"a","event":"1"}]' }, 'x')).toHaveLength(1);
  });

  it('are deleted as they were read, not as another tab made them since', () => {
    const storage = memory([
      { name: 'a', event: '1' },
      { name: 'b', event: '2' },
    ]);
    deleteBrowserEvent(storage, 'hello', { name: 'a', event: 'older' });
    expect(browserEvents(storage, 'hello')).toHaveLength(2);
    deleteBrowserEvent(storage, 'hello', { name: 'a', event: '1' });
    expect(browserEvents(storage, 'hello')).toEqual([{ name: 'b', event: '2' }]);
    deleteBrowserEvent(storage, 'hello', { name: 'b', event: '2' });
    expect(storage.getItem('hearth.events.hello')).toBeNull();
  });
});

describe('takeOverEvents', () => {
  it('brings them to the platform as they are, once', async () => {
    const event = '{"id":12345678901234567890}';
    const [storage, to] = [memory([{ name: 'big order', event }]), platform()];
    expect(await takeOver(storage, to)).toEqual({ taken: [{ from: 'big order', name: 'big order' }], left: [] });
    expect(to.texts.get('big order')).toBe(event);
    expect(browserEvents(storage, 'hello')).toEqual([]);
    expect(await takeOver(storage, to)).toEqual({ taken: [], left: [] });
  });

  it('never takes the place of another one, and keeps one text once', async () => {
    const names = ['order', 'same', '/tmp/x', '--', `${'ä'.repeat(59)} `, '𝒳'.repeat(30)];
    const storage = memory(names.map((name) => ({ name, event: '1' })));
    const to = platform({ order: '2', 'order (2)': '3', same: '1' });
    const { taken, left } = await takeOver(storage, to);
    expect(left).toEqual([]);
    expect(taken.map(({ name }) => name)).toEqual([
      'order (3)',
      'same',
      'tmp-x',
      'event',
      'ä'.repeat(59),
      '𝒳'.repeat(30),
    ]);
    expect(Object.fromEntries(to.texts)).toMatchObject({ order: '2', 'order (2)': '3', 'order (3)': '1', same: '1' });
    const long = memory([{ name: 'x'.repeat(60), event: '1' }]);
    expect((await takeOver(long, platform({ ['x'.repeat(60)]: '2' }))).taken[0]?.name).toBe(`${'x'.repeat(56)} (2)`);
  });

  it('leaves in the browser what the platform does not take, with the reason', async () => {
    const events = [
      { name: 'broken', event: '{"a":' },
      { name: 'fits', event: '1' },
      { name: 'large', event: `"${'é'.repeat(131_072)}"` },
      { name: 'one too many', event: '2' },
    ];
    const storage = memory(events);
    const { taken, left } = await takeOver(storage, platform({}, 1));
    expect(taken.map(({ name }) => name)).toEqual(['fits']);
    expect(left).toEqual([
      { name: 'broken', reason: 'The event is not valid JSON' },
      { name: 'large', reason: 'The event is larger than 256 KiB' },
      { name: 'one too many', reason: 'too many' },
    ]);
    expect(browserEvents(storage, 'hello')).toEqual(events.filter(({ name }) => name !== 'fits'));

    const unreachable = { ...platform(), names: () => Promise.reject(new Error('no answer')) };
    const whole = memory([{ name: 'fits', event: '1' }]);
    expect((await takeOver(whole, unreachable)).left).toEqual([{ name: 'fits', reason: 'no answer' }]);
    expect(browserEvents(whole, 'hello')).toHaveLength(1);
  });

  it('says so when the browser cannot forget one, and does not bring it twice', async () => {
    const full = {
      ...memory([{ name: 'a', event: '1' }]),
      removeItem: () => {
        throw new Error('no access');
      },
    };
    const to = platform();
    expect((await takeOver(full, to)).left).toEqual([{ name: 'a', reason: 'no access' }]);
    await takeOver(full, to);
    expect([...to.texts]).toEqual([['a', '1']]);
  });
});
