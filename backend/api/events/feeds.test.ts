import { describe, expect, test } from 'vitest';
import type { LogLine } from '../../../shared/api/invocations.ts';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import type { LogReader } from '../../core/ports/log-sink.ts';
import { EventHub, type Publish } from './event-hub.ts';
import type { Feed, Outlet } from './feed.ts';
import { LogFeed } from './log-feed.ts';
import { RingFeed } from './ring-feed.ts';

/** A reader that takes `room` events and then nothing until a test makes more room. */
class SlowOutlet implements Outlet {
  readonly sent: [kind: string, data: { lost?: number | null; n?: number; lines?: LogLine[] }][] = [];
  feed: Feed | undefined;
  #room = 0;
  #waiting: (() => void)[] = [];

  constructor(room: number) {
    this.#room = room;
  }

  get isBlocked(): boolean {
    return this.#room <= 0;
  }

  send(kind: string, json: string): void {
    this.#room--;
    this.sent.push([kind, JSON.parse(json)]);
  }

  drained(): Promise<void> {
    return this.isBlocked ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve();
  }

  makeRoom(room: number): void {
    this.#room = room;
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.feed?.pump();
  }

  get texts(): readonly string[] {
    return this.sent.flatMap(([, { lines = [] }]) => lines.map(({ text }) => text));
  }
  get gaps() {
    return this.sent.filter(([kind]) => kind === 'gap').map(([, { lost }]) => lost);
  }
}

describe('RingFeed', () => {
  function setUp(room: number, from?: { epoch?: string; position: string }) {
    const hub = new EventHub({ clock: new ManualClock(), maxEvents: 3 });
    let publish: Publish = () => undefined;
    const source = {
      mergeMs: 0,
      start: (given: Publish) => {
        publish = given;
        return () => undefined;
      },
    };
    const outlet = new SlowOutlet(room);
    const feedFrom = (start: typeof from) => {
      const at = start && { epoch: start.epoch ?? hub.epoch, position: start.position };
      const feed = new RingFeed({ hub, outlet, topic: 't', cursorKey: 'k', key: 't', source, from: at });
      outlet.feed = feed;
      feed.pump();
      return feed;
    };
    const feed = feedFrom(from);
    return { hub, outlet, feed, feedFrom, publish: (n: number) => publish('tick', { n }) };
  }
  const numbers = (outlet: SlowOutlet) => outlet.sent.map(([kind, { n, lost }]) => (kind === 'gap' ? { lost } : n));

  test('a reader that keeps up gets everything; one that does not is told what it lost', () => {
    const { outlet, publish } = setUp(2);
    for (let n = 1; n <= 8; n++) publish(n);
    expect(numbers(outlet)).toEqual([1, 2]);
    outlet.makeRoom(10);
    expect(numbers(outlet)).toEqual([1, 2, { lost: 3 }, 6, 7, 8]);
    publish(9);
    expect(numbers(outlet).at(-1)).toBe(9);
  });

  test('goes on where another connection broke off', () => {
    const { outlet, feed, feedFrom, publish } = setUp(10);
    publish(1);
    const { position } = feed;
    feed.close();
    publish(2);
    publish(3);
    feedFrom({ position });
    expect(numbers(outlet)).toEqual([1, 2, 3]);
  });

  test('of another process nothing is known but that something is missing', () => {
    const { outlet, publish } = setUp(10, { epoch: 'another', position: '5' });
    publish(1);
    expect(numbers(outlet)).toEqual([{ lost: null }, 1]);
  });
});

/** A log of which a test decides what is stored and what followers hear. */
class ScriptedLog implements LogReader {
  readonly lines: LogLine[] = [];
  /** How many lines a query looks at. */
  lookedAt = Number.POSITIVE_INFINITY;
  /** Whether a line is what the reader asked for. */
  isWanted: (line: LogLine) => boolean = () => true;
  queries = 0;
  listener: (lines: readonly LogLine[], skipped: number) => void = () => undefined;

  /** Stores lines; followers hear of them when the test says so. */
  store(count: number): readonly LogLine[] {
    const added = Array.from({ length: count }, (_, i) => {
      const number = this.lines.length + i + 1;
      return { id: String(number).padStart(16, '0'), text: `line ${number}` } as LogLine;
    });
    this.lines.push(...added);
    return added;
  }

  async query(_of: unknown, { cursor, limit }: Parameters<LogReader['query']>[1]) {
    this.queries++;
    const from = cursor === undefined ? Math.max(0, this.lines.length - limit) : Number(cursor);
    const seen = this.lines.slice(from, from + Math.min(limit, this.lookedAt));
    const items = seen.filter(this.isWanted);
    const isWhole = from + seen.length >= this.lines.length;
    const nextCursor = isWhole ? null : (seen.at(-1)?.id ?? null);
    return { items, nextCursor, before: null, end: this.lines.at(-1)?.id ?? '0'.padStart(16, '0') };
  }

  subscribe(_filter: unknown, listener: ScriptedLog['listener']) {
    this.listener = listener;
    return () => {
      this.listener = () => undefined;
    };
  }
}

describe('LogFeed', () => {
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  async function setUp(options: { room?: number; stored?: number; tail?: number; from?: string | undefined } = {}) {
    const logs = new ScriptedLog();
    logs.store(options.stored ?? 0);
    const outlet = new SlowOutlet(options.room ?? 1_000_000);
    const feed = new LogFeed({
      logs,
      outlet,
      topic: 'logs',
      cursorKey: 'k',
      scope: { project: 'default', functionId: undefined },
      tail: options.tail ?? 2,
      from: options.from,
      onFailed: (error) => {
        throw error;
      },
    });
    outlet.feed = feed;
    feed.pump();
    await settled();
    return { logs, outlet, feed };
  }
  const from = (count: number) => String(count).padStart(16, '0');
  const textsOf = (first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, i) => `line ${first + i}`);

  test('a new reader gets the newest lines and then what comes, each once', async () => {
    const { logs, outlet, feed } = await setUp({ stored: 5 });
    expect(outlet.texts).toEqual(['line 4', 'line 5']);
    // A follower hears of a line again that the store has shown already.
    logs.listener([...logs.lines.slice(-1), ...logs.store(2)], 0);
    expect(outlet.texts).toEqual(textsOf(4, 7));
    expect(feed.position).toBe(from(7));
  });

  test('no line of the past is sent to who wants none, and none is lost before the first', async () => {
    const { logs, outlet, feed } = await setUp({ stored: 3, tail: 0 });
    expect([outlet.sent, feed.position]).toEqual([[], from(3)]);
    logs.listener(logs.store(1), 0);
    expect(outlet.texts).toEqual(['line 4']);
    const empty = await setUp({ tail: 0 });
    expect(empty.feed.position).toBe(from(0));
  });

  test('a reader that was away reads on from its last line', async () => {
    const { outlet } = await setUp({ stored: 700, from: from(3) });
    expect(outlet.texts).toEqual(textsOf(4, 700));
    expect(outlet.gaps).toEqual([]);
  });

  test('a slow reader loses nothing: what it did not take is read from the store', async () => {
    const { logs, outlet } = await setUp({ room: 1 });
    logs.listener(logs.store(1), 0);
    for (let i = 0; i < 50; i++) logs.listener(logs.store(20), 0);
    expect(outlet.texts).toEqual(['line 1']);
    outlet.makeRoom(2);
    await settled();
    expect(outlet.texts).toEqual(textsOf(1, 401));
    outlet.makeRoom(1000);
    await settled();
    expect(outlet.texts).toEqual(textsOf(1, 1001));
    expect(outlet.gaps).toEqual([]);
  });

  test('a line that comes during a look at the store is not lost', async () => {
    const { logs, outlet, feed } = await setUp({ room: 1, stored: 1 });
    logs.listener(logs.store(1), 0);
    outlet.makeRoom(100);
    // The look has begun; now another line comes, of which the answer may not know.
    logs.listener(logs.store(1), 0);
    await settled();
    expect(outlet.texts).toEqual(textsOf(1, 3));
    expect(feed.position).toBe(from(3));
  });

  test('what followers skip in a flood is marked', async () => {
    const { logs, outlet } = await setUp();
    logs.listener(logs.store(500).slice(-200), 300);
    expect(outlet.gaps).toEqual([300]);
    expect(outlet.texts).toEqual(textsOf(301, 500));
  });

  test('who is far behind goes on with the newest lines, and every line is sent or counted', async () => {
    const { outlet } = await setUp({ stored: 25_000, from: from(100) });
    await expect.poll(() => outlet.texts.at(-1)).toBe('line 25000');
    const [lost] = outlet.gaps;
    expect(outlet.gaps).toHaveLength(1);
    expect(outlet.texts.length + (lost ?? 0)).toBe(24_900);
    expect(outlet.texts.slice(0, 10_000)).toEqual(textsOf(101, 10_100));
  });

  test('counting ends at some point', async () => {
    const { logs, outlet } = await setUp({ stored: 100_000, from: from(0) });
    await expect.poll(() => outlet.texts.at(-1)).toBe('line 100000');
    expect(outlet.sent.find(([kind]) => kind === 'gap')?.[1]).toMatchObject({ lost: 50_000, isAtLeast: true });
    expect(logs.queries).toBeLessThan(400);
  });

  test('pages without a line that is wanted are gone through once', async () => {
    const { logs, outlet, feed } = await setUp();
    logs.lookedAt = 10;
    logs.isWanted = ({ text }) => text === 'line 95' || text === 'line 1000';
    outlet.makeRoom(1_000_000);
    logs.store(1_000);
    const before = logs.queries;
    // A reader that comes back begins with what it had last.
    const away = new LogFeed({
      logs,
      outlet,
      topic: 'logs',
      cursorKey: 'k',
      scope: { project: 'default', functionId: undefined },
      tail: 2,
      from: from(5),
      onFailed: (error) => {
        throw error;
      },
    });
    outlet.feed = away;
    away.pump();
    await expect.poll(() => outlet.texts).toEqual(['line 95', 'line 1000']);
    await settled();
    expect([away.position, logs.queries - before]).toEqual([from(1_000), 100]);
    feed.close();
  });

  test('a closed one sends nothing more', async () => {
    const { logs, outlet, feed } = await setUp({ stored: 1 });
    feed.close();
    logs.listener(logs.store(1), 0);
    feed.pump();
    await settled();
    expect(outlet.texts).toEqual(['line 1']);
  });
});
