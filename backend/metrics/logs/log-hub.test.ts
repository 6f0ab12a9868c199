import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LogLine, LogQuery } from '../../../shared/api/invocations.ts';
import type { FunctionId, InvocationId } from '../../../shared/ids.ts';
import { parseLogFilter } from '../../../shared/log-filter.ts';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import { MemoryLogs } from '../../../tests/fakes/memory-stores.ts';
import { recordingLogger } from '../../../tests/support/metrics-fixture.ts';
import type { LogEntry } from '../../core/ports/log-sink.ts';
import { LogHub, type LogHubOptions } from './log-hub.ts';

const functionA = 'fn_a' as FunctionId;
const functionB = 'fn_b' as FunctionId;

function entry(text: string, facts: Partial<LogEntry> = {}): LogEntry {
  return {
    at: Date.UTC(2030, 0, 1),
    functionId: functionA,
    functionName: 'a',
    version: 1,
    invocationId: undefined,
    instanceId: undefined,
    level: 'info',
    stream: 'stdout',
    text,
    ...facts,
  };
}
const everything = {
  project: undefined,
  functionId: undefined,
  invocationId: undefined,
  level: undefined,
  search: undefined,
};
const anyFunction = { project: 'default', functionId: undefined };
const ask = (query: Partial<LogQuery> = {}): LogQuery => ({ limit: 50, ...query });

async function hubOf(options: Partial<LogHubOptions> = {}, logs = new MemoryLogs()) {
  const clock = new ManualClock();
  const { logger, messages } = recordingLogger();
  const hub = new LogHub({ store: { logs }, clock, logger, ...options });
  await hub.start();
  const texts = async (query: Partial<LogQuery> = {}, functionId?: FunctionId) =>
    (await hub.query({ ...anyFunction, functionId }, ask(query))).items.map(({ text }) => text);
  return { hub, clock, logs, messages, texts };
}

describe('LogHub', () => {
  test('finds lines before and after they are written', async () => {
    const { hub, clock, logs, texts } = await hubOf();
    hub.append(entry('one'));
    await clock.advanceAsync(100);
    hub.append(entry('two'));
    expect(logs.lines.map(({ text }) => text)).toEqual(['one']);
    expect(await texts()).toEqual(['one', 'two']);
    await hub.flush();
    expect(await texts()).toEqual(['one', 'two']);
  });

  test('goes back from the newest lines to the first, and says where the log ends', async () => {
    const { hub } = await hubOf();
    for (const text of ['one', 'two', 'three']) hub.append(entry(text));
    await hub.flush();
    for (const text of ['four', 'five']) hub.append(entry(text));
    const pages: (readonly string[])[] = [];
    let before: string | undefined;
    do {
      const page = await hub.query(anyFunction, ask({ limit: 2, ...(before !== undefined && { before }) }));
      pages.push(page.items.map(({ text }) => text));
      expect([page.end, page.nextCursor]).toEqual(['0000000000000005', null]);
      before = page.before ?? undefined;
    } while (before !== undefined);
    expect(pages).toEqual([['four', 'five'], ['two', 'three'], ['one']]);
    await expect(hub.query(anyFunction, ask({ before: 'x' }))).rejects.toMatchObject({ code: 'bad_cursor' });
  });

  test('a page that did not look at everything tells nothing of what comes after', async () => {
    const logs = new MemoryLogs();
    const { hub } = await hubOf({}, logs);
    for (const text of ['one', 'two', 'three']) hub.append(entry(text));
    await hub.flush();
    hub.append(entry('four'));
    logs.query = async () => ({ lines: [], stoppedAt: 2 });
    const forward = await hub.query(anyFunction, ask({ since: '2029-01-01T00:00:00Z' }));
    expect([forward.items, forward.nextCursor]).toEqual([[], '0000000000000002']);
    const back = await hub.query(anyFunction, ask());
    expect([back.items.map(({ text }) => text), back.before]).toEqual([['four'], '0000000000000002']);
  });

  test('answers a query the same whatever part of the lines is written', async () => {
    const line = fc.record({
      text: fc.constantFrom('alpha', 'BETA', 'gamma beta'),
      level: fc.constantFrom('debug' as const, 'info' as const, 'warn' as const, 'error' as const),
      functionId: fc.constantFrom(functionA, functionB),
      at: fc.integer({ min: Date.UTC(2030, 0, 1), max: Date.UTC(2030, 0, 2) }),
      invocationId: fc.constantFrom(undefined, 'inv_1' as InvocationId),
    });
    const query = fc.record(
      {
        limit: fc.integer({ min: 1, max: 6 }),
        level: fc.constantFrom('debug' as const, 'warn' as const),
        search: fc.constantFrom('beta', 'A'),
        since: fc.constant('2030-01-01T06:00:00Z'),
        until: fc.constant('2030-01-01T18:00:00Z'),
        invocation: fc.constant('inv_1'),
        cursor: fc.constant('0000000000000002'),
      },
      { requiredKeys: ['limit'] },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), fc.nat(12), query, async (lines, writtenCount, asked) => {
        const { hub } = await hubOf();
        for (const [i, facts] of lines.entries()) {
          if (i === writtenCount) await hub.flush();
          hub.append(entry(facts.text, facts));
        }
        const before = await hub.query({ ...anyFunction, functionId: functionA }, asked);
        await hub.close();
        expect(before).toEqual(await hub.query({ ...anyFunction, functionId: functionA }, asked));
      }),
    );
  });

  test('shows the newest page, and pages on from a line without gap or repetition', async () => {
    const { hub, texts } = await hubOf();
    for (let i = 0; i < 25; i++) {
      if (i === 12) await hub.flush();
      hub.append(entry(`line ${i}`));
    }
    const newest = await hub.query(anyFunction, ask({ limit: 10 }));
    expect([newest.items[0]?.text, newest.items.at(-1)?.text, newest.nextCursor]).toEqual(['line 15', 'line 24', null]);
    const seen: string[] = [];
    let cursor: string | null = '0000000000000000';
    while (cursor !== null) {
      const page: { items: readonly LogLine[]; nextCursor: string | null } = await hub.query(
        anyFunction,
        ask({ limit: 10, cursor }),
      );
      seen.push(...page.items.map(({ text }) => text));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => `line ${i}`));
    expect(await texts({ cursor: newest.items.at(-2)?.id })).toEqual(['line 24']);
    await hub.close();
  });

  test.each(['', 'x', '12', '-000000000000001', '9999999999999999', '0x00000000000001'])(
    'refuses the cursor %j',
    async (cursor) => {
      const { hub } = await hubOf();
      await expect(hub.query(anyFunction, ask({ cursor }))).rejects.toMatchObject({ code: 'bad_cursor' });
    },
  );

  test('numbers on after a restart, beyond everything that was ever shown', async () => {
    const first = await hubOf();
    const shown: string[] = [];
    first.hub.subscribe(everything, (lines) => shown.push(...lines.map(({ id }) => id)));
    first.hub.append(entry('written'));
    await first.hub.flush();
    first.logs.faults.failures = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 50; i++) first.hub.append(entry('shown and lost'));
    await first.clock.advanceAsync(200);
    first.logs.faults.failures = 0;
    const second = await hubOf({}, first.logs);
    second.hub.append(entry('later'));
    const [later] = (await second.hub.query(anyFunction, ask({ search: 'later' }))).items;
    expect(shown).toHaveLength(51);
    expect((later?.id ?? '') > (shown.at(-1) ?? '')).toBe(true);
    await second.hub.close();
  });

  test('keeps what comes before it is started', async () => {
    const logs = new MemoryLogs();
    const hub = new LogHub({ store: { logs }, clock: new ManualClock(), logger: recordingLogger().logger });
    hub.append(entry('early'));
    await hub.start();
    await hub.close();
    expect(logs.lines.map(({ text, seq }) => [text, seq])).toEqual([['early', 1]]);
  });

  test('drops the oldest when the store cannot follow, and says so in the log', async () => {
    const { hub, clock, logs } = await hubOf({ maxPendingBytes: 10_000 });
    logs.faults.failures = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 100; i++) hub.append(entry(`line ${i}`, { functionId: i % 2 ? functionA : functionB }));
    expect(hub.dropped).toBeGreaterThan(50);
    const { dropped } = hub;
    logs.faults.failures = 0;
    await clock.advanceAsync(1_000);
    const said = logs.lines.filter(({ stream }) => stream === 'platform');
    expect(said.map(({ text }) => Number(text.split(' ')[0])).reduce((a, b) => a + b, 0)).toBe(dropped);
    expect(said.map(({ functionId }) => functionId).toSorted()).toEqual([functionA, functionB]);
    expect(logs.lines.at(-3)?.text).toBe('line 99');
    expect(logs.lines.length + dropped - 2).toBe(100);
    expect(clock.pendingTimers).toBe(0);
  });

  test('cuts a line without end', async () => {
    const { hub, texts } = await hubOf();
    hub.append(entry('x'.repeat(1_000_000)));
    expect((await texts())[0]).toHaveLength(32_768 + '… (cut)'.length);
    await hub.close();
  });

  test('gives followers what they asked for, in order, a few batches a second', async () => {
    const { hub, clock } = await hubOf();
    const batches: [string[], number, number][] = [];
    const filter = {
      project: undefined,
      functionId: functionA,
      invocationId: undefined,
      level: 'warn' as const,
      search: 'disk',
    };
    hub.subscribe(filter, (lines, skipped) =>
      batches.push([lines.map(({ text }) => text), skipped, clock.monotonic()]),
    );
    hub.append(entry('disk full', { level: 'error' }));
    hub.append(entry('disk fine'));
    hub.append(entry('DISK slow', { level: 'warn' }));
    hub.append(entry('disk of b', { level: 'error', functionId: functionB }));
    await clock.advanceAsync(10);
    hub.append(entry('disk again', { level: 'error' }));
    await clock.advanceAsync(99);
    expect(batches).toEqual([[['disk full', 'DISK slow'], 0, 10]]);
    await clock.advanceAsync(1);
    expect(batches[1]).toEqual([['disk again'], 0, 110]);
    await hub.close();
  });

  test('the terms of a filter hold for lines in memory and for followers', async () => {
    const { hub, clock } = await hubOf();
    const parsed = parseLogFilter('level:warn version:2 stream:stderr "pay ment" -noise');
    const terms = parsed.isValid ? parsed.terms : undefined;
    const seen: string[] = [];
    hub.subscribe({ ...everything, terms }, (lines) => seen.push(...lines.map(({ text }) => text)));
    const fits = { level: 'error', version: 2, stream: 'stderr' } as const;
    hub.append(entry('a PAY MENT failed', fits));
    hub.append(entry('pay ment noise', fits));
    hub.append(entry('pay ment', { ...fits, level: 'info' }));
    hub.append(entry('pay ment', { ...fits, version: 1 }));
    hub.append(entry('pay ment', { ...fits, stream: 'stdout' }));
    hub.append(entry('payment', fits));
    const found = await hub.query({ ...anyFunction, terms }, ask());
    expect(found.items.map(({ text }) => text)).toEqual(['a PAY MENT failed']);
    await clock.advanceAsync(1_000);
    expect(seen).toEqual(['a PAY MENT failed']);
  });

  test('skips the oldest for a follower who cannot keep up, and says how many', async () => {
    const { hub, clock } = await hubOf();
    const batches: [number, number][] = [];
    let last = '';
    hub.subscribe(everything, (lines, skipped) => {
      batches.push([lines.length, skipped]);
      last = lines.at(-1)?.text ?? '';
    });
    for (let i = 0; i < 7_210; i++) hub.append(entry(`line ${i}`));
    await clock.advanceAsync(1_000);
    expect(batches).toEqual([[200, 5_210], ...new Array(9).fill([200, 0])]);
    expect(last).toBe('line 7209');
    await hub.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('goes on when a follower throws or leaves', async () => {
    const { hub, clock, messages } = await hubOf();
    const seen: string[] = [];
    hub.subscribe(everything, () => {
      throw new Error('broken');
    });
    const leave = hub.subscribe(everything, (lines) => {
      seen.push(...lines.map(({ text }) => text));
      leave();
    });
    hub.append(entry('one'));
    await clock.advanceAsync(200);
    hub.append(entry('two'));
    await clock.advanceAsync(200);
    expect(seen).toEqual(['one']);
    expect(messages).toContain('a follower of the log failed');
    await hub.close();
  });

  test('counts lines over time, those that are not written yet among them and each once', async () => {
    const logs = new MemoryLogs();
    const { hub } = await hubOf({}, logs);
    const at = Date.UTC(2030, 0, 1);
    hub.append(entry('one'));
    hub.append(entry('two', { at: at + 61_000, level: 'error' }));
    await hub.flush();
    hub.append(entry('three', { at: at + 62_000 }));
    hub.append(entry('of b', { at: at + 62_000, functionId: functionB }));
    hub.append(entry('of another project', { at: at + 62_000, functionName: 'acme/a' }));
    const asked = { since: '2030-01-01T00:00:00Z', until: '2030-01-01T00:59:59Z', steps: 80 };
    const zero = { debug: 0, info: 0, warn: 0, error: 0 };
    const expected = {
      ...{ from: '2030-01-01T00:00:00.000Z', to: '2030-01-01T01:00:00.000Z', stepMs: 60_000 },
      ...{ complete: true, countedFrom: null, end: '0000000000000005' },
      steps: [
        { ...zero, at: '2030-01-01T00:00:00.000Z', info: 1 },
        { ...zero, at: '2030-01-01T00:01:00.000Z', info: 2, error: 1 },
      ],
    };
    expect(await hub.histogram(anyFunction, asked)).toEqual(expected);
    // What is written while the store counts is in both.
    const count = logs.count.bind(logs);
    logs.count = async (filter) => {
      await hub.flush();
      return await count(filter);
    };
    expect(await hub.histogram(anyFunction, asked)).toEqual(expected);
    const ofA = await hub.histogram({ ...anyFunction, functionId: functionA }, { ...asked, level: 'error' });
    expect(ofA.steps).toEqual([{ ...zero, at: '2030-01-01T00:01:00.000Z', error: 1 }]);
    logs.count = async (filter) => ({ ...(await count(filter)), countedFrom: at + 60_000 });
    expect(await hub.histogram(anyFunction, asked)).toMatchObject({
      complete: false,
      countedFrom: '2030-01-01T00:01:00.000Z',
    });
    const reversed = { ...asked, since: asked.until, until: asked.since };
    await expect(hub.histogram(anyFunction, reversed)).rejects.toMatchObject({ code: 'bad_range' });
    await hub.close();
  });
});
