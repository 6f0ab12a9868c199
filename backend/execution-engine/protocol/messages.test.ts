import { describe, expect, it } from 'vitest';
import { maxResponseMetaBytes, Violation } from './frames.ts';
import { parseEnd, parseError, parseHello, parseLog, parseReady, parseResponse } from './messages.ts';

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const refused = (message: string | RegExp) =>
  expect.objectContaining({ name: 'Violation', message: expect.stringMatching(message) });

describe('what an agent says of itself', () => {
  const hello = { protocol: 1, runtime: 'nodejs', runtimeVersion: '24', pid: 7 };
  it('is read, and what it says besides is dropped', () => {
    expect(parseHello(json({ ...hello, more: 1 }))).toEqual(hello);
    const ready = { style: 'fetch', handlesBatch: true, importMs: 0.5, initMs: 2 };
    expect(parseReady(json(ready))).toEqual(ready);
    expect(parseEnd(json({ cpuMs: 0, peakMemoryBytes: 1 }))).toEqual({ cpuMs: 0, peakMemoryBytes: 1 });
  });

  it.each([
    [{ ...hello, protocol: 2 }, /^HELLO does not fit its schema: protocol /],
    [{ ...hello, runtime: 'x'.repeat(65) }, /^HELLO does not fit its schema: runtime /],
    [{ ...hello, pid: -1 }, /^HELLO does not fit its schema: pid /],
    [[], /^HELLO does not fit its schema: /],
    [null, /^HELLO does not fit its schema: /],
  ])('%j is refused', (value, message) => expect(() => parseHello(json(value))).toThrow(refused(message)));

  it('is JSON', () => {
    for (const payload of [Buffer.alloc(0), Buffer.from('{'), Buffer.from([0xff])])
      expect(() => parseReady(payload)).toThrow(refused(/^READY is not JSON$/));
    expect(() => parseEnd(json({ cpuMs: -1, peakMemoryBytes: 0 }))).toThrow(refused(/^END does not fit.* cpuMs /));
  });
});

describe('an error of a function', () => {
  it('has usage and an end when it says so', () => {
    const error = { type: 'T', message: 'm', stack: 's' };
    expect(parseError(json(error))).toEqual({ ...error, cpuMs: 0, peakMemoryBytes: 0, fatal: false });
    const all = { ...error, cpuMs: 1.5, peakMemoryBytes: 2, fatal: true };
    expect(parseError(json(all))).toEqual(all);
  });

  it('is cut to what is kept', () => {
    const long = 'x'.repeat(1_000_000);
    const { type, message, stack } = parseError(json({ type: long, message: long, stack: long }));
    expect([type.length, message.length, stack.length]).toEqual([256, 16_384, 65_536]);
  });
});

/** `meta` as it is, with the length in front that is given, or its own. */
function response(meta: Buffer, body = Buffer.alloc(0), metaBytes = meta.length): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(metaBytes);
  return Buffer.concat([length, meta, body]);
}
const good = { status: 200, headers: ['a', 'b'] };

describe('a response', () => {
  it('is its meta and where its body begins', () => {
    const meta = json(good);
    expect(parseResponse(response(meta, Buffer.from('body')), false)).toEqual({
      meta: { ...good, event: false, cpuMs: 0, peakMemoryBytes: 0, background: false },
      bodyAt: 4 + meta.length,
    });
    const all = { ...good, event: true, cpuMs: 1, peakMemoryBytes: 2, background: true };
    expect(parseResponse(response(json(all)), true).meta).toEqual(all);
  });

  it.each<[Buffer, string]>([
    [Buffer.alloc(3), 'too short'],
    [response(json(good), Buffer.alloc(0), 100), 'meta is too long'],
    [response(Buffer.alloc(maxResponseMetaBytes + 1, 0x20)), 'meta is too long'],
    [response(Buffer.from('{')), 'RESPONSE is not JSON'],
    [response(json(null)), 'not an object'],
    [response(json(7)), 'not an object'],
    [response(json({ ...good, status: '200' })), 'status is not a number'],
    [response(json({ ...good, status: -1 })), 'status is not a number'],
    [response(json({ ...good, status: 200.5 })), 'status is not a number'],
    [response(Buffer.from('{"status":1e999,"headers":[]}')), 'status is not a number'],
    [response(json({ status: 200 })), 'not pairs of strings'],
    [response(json({ ...good, headers: ['a'] })), 'not pairs of strings'],
    [response(json({ ...good, headers: ['a', 1] })), 'not pairs of strings'],
    [response(json({ ...good, event: 1 })), 'flags are not boolean'],
    [response(json({ ...good, background: null })), 'flags are not boolean'],
    [response(json({ ...good, cpuMs: -1 })), 'usage is not a number'],
    [response(json({ ...good, peakMemoryBytes: 'x' })), 'usage is not a number'],
  ])('%# is refused', (payload, message) => expect(() => parseResponse(payload, false)).toThrow(refused(message)));

  it('with its end says what it used', () => {
    for (const usage of [{}, { cpuMs: 1 }, { peakMemoryBytes: 1 }])
      expect(() => parseResponse(response(json({ ...good, ...usage })), true)).toThrow(refused('has no usage'));
  });

  it('may have meta of the longest', () => {
    const meta = Buffer.alloc(maxResponseMetaBytes, 0x20);
    json(good).copy(meta);
    expect(parseResponse(response(meta), false).bodyAt).toBe(4 + maxResponseMetaBytes);
  });
});

describe('a log entry', () => {
  const log = (level: number, stream: number, flags: number, text: string) =>
    Buffer.concat([Buffer.from([level, stream, flags >> 8, flags & 255]), Buffer.from(text)]);

  it('has a level, a stream and a text', () => {
    const entry = (level: string, stream: string) => ({ level, stream, truncated: false, text: 'é', textBytes: 2 });
    expect(parseLog(log(0, 0, 0, 'é'), 2)).toEqual(entry('debug', 'stdout'));
    expect(parseLog(log(3, 1, 0, 'é'), 2)).toEqual(entry('error', 'stderr'));
    expect(['debug', 'info', 'warn', 'error'].map((_, i) => parseLog(log(i, 0, 0, ''), 0).level)).toEqual([
      ...['debug', 'info', 'warn', 'error'],
    ]);
  });

  it('is cut when it is too long, and says when the agent did', () => {
    expect(parseLog(log(1, 0, 0, 'abc'), 2)).toMatchObject({ text: 'ab', textBytes: 3, truncated: true });
    expect(parseLog(log(1, 0, 1, 'abc'), 3)).toMatchObject({ text: 'abc', truncated: true });
    expect(parseLog(log(1, 0, 0, 'abc'), 3).truncated).toBe(false);
  });

  it.each([[Buffer.alloc(3)], [log(4, 0, 0, '')], [log(0, 2, 0, '')], [log(0, 0, 2, '')], [log(0, 0, 256, '')]])(
    '%j is none',
    (payload) => expect(() => parseLog(payload, 10)).toThrow(Violation),
  );
});
