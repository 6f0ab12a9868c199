import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { helloOf, inRecords, serverName } from '../../../tests/support/client-hello.ts';
import { cases } from '../../../tests/support/fuzz.ts';
import type { ClientHello } from './client-hello.ts';
import { HelloGate } from './hello-gate.ts';

/** What goes through when bytes come in these pieces, which hosts were asked for, and how it ended. */
async function pass(chunks: readonly Buffer[], allowed = ['api.example']) {
  const asked: string[] = [];
  const gate = new HelloGate((hello: ClientHello | 'malformed') => {
    asked.push(hello === 'malformed' ? hello : (hello.serverName ?? 'none'));
    return allowed.includes(asked.at(-1) ?? '') ? undefined : new Error('refused');
  });
  const passed: Buffer[] = [];
  gate.on('data', (chunk: Buffer) => passed.push(chunk));
  const ended = new Promise<string>((resolve) => {
    gate.once('error', ({ message }) => resolve(message)).once('end', () => resolve('ended'));
  });
  for (const chunk of chunks) gate.write(chunk);
  gate.end();
  const how = await ended;
  return { passed: Buffer.concat(passed), asked, how };
}
const piecesOf = (bytes: Buffer, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));

const good = inRecords(helloOf([serverName('api.example')]));
const evil = inRecords(helloOf([serverName('evil.example')]));
const changeCipherSpec = Buffer.from([20, 3, 3, 0, 1, 1]);
const encrypted = Buffer.concat([Buffer.from([23, 3, 3, 1, 0]), Buffer.alloc(256, 1)]);

describe('what goes through after a hello', () => {
  it.each([
    ['the rest of a handshake of TLS 1.3', [good, changeCipherSpec, encrypted], ['api.example']],
    ['a second hello to the same host', [good, changeCipherSpec, good, encrypted], ['api.example', 'api.example']],
    [
      'a short handshake of TLS 1.2, whose last message begins like a hello',
      [good, changeCipherSpec, Buffer.concat([Buffer.from([22, 3, 3, 0, 80, 1]), Buffer.alloc(79, 0xee)])],
      ['api.example'],
    ],
    ['a key of TLS 1.2', [good, Buffer.from([22, 3, 3, 0, 4, 16, 0, 0, 0]), encrypted], ['api.example']],
    ['a hello in the form of SSL 2', [Buffer.from([0x80, 46, 1, 3, 3]), Buffer.alloc(43)], ['none']],
  ])('is %s', async (_what, chunks, asked) => {
    const bytes = Buffer.concat(chunks);
    for (const size of [1, 2, 7, bytes.length])
      expect(await pass(piecesOf(bytes, size), ['api.example', 'none'])).toEqual({
        passed: bytes,
        asked,
        how: 'ended',
      });
  });

  it.each([
    ['a hello to another host', [evil], 0],
    ['a second hello to another host', [good, evil], good.length],
    ['one after what may come in between', [good, changeCipherSpec, evil], good.length + changeCipherSpec.length],
    ['one that is cut into small records', [good, inRecords(helloOf([serverName('evil.example')]), 1)], good.length],
    ['no hello', [Buffer.from('22 is no record')], 0],
  ])('is nothing of %s', async (_what, chunks, before) => {
    const bytes = Buffer.concat(chunks);
    for (const size of [1, 3, bytes.length]) {
      const { passed, how } = await pass(piecesOf(bytes, size));
      expect(how).toBe('refused');
      expect(passed.equals(bytes.subarray(0, before))).toBe(true);
    }
  });

  it.each([
    ['an alert', [good, Buffer.from([21, 3, 3, 0, 2, 1, 0]), evil], 'refused', good.length + 7],
    ['an alert that is cut off', [good, Buffer.from([21, 3, 3, 0, 2, 1])], 'ended', good.length + 6],
    ['an alert that is too long', [good, Buffer.from([21, 3, 3, 0, 3, 1, 0, 0]), evil], 'ended', undefined],
    ['records of data', [good, encrypted, evil], 'ended', undefined],
    ['a few bytes of data', [good, Buffer.from([23, 3])], 'ended', undefined],
    ['a beginning of a message', [good, Buffer.from([22, 3, 3, 0, 80, 1])], 'ended', undefined],
  ])('looks no further than it must after %s', async (_what, chunks, end, length) => {
    const bytes = Buffer.concat(chunks);
    for (const size of [1, 5, bytes.length]) {
      const { passed, how } = await pass(piecesOf(bytes, size));
      expect(how).toBe(end);
      expect(passed.equals(bytes.subarray(0, length ?? bytes.length))).toBe(true);
    }
  });

  it('is what is malformed too, when whoever judges lets it', async () => {
    const malformed = Buffer.from([22, 3, 3, 0, 5, 2, 0, 0, 1, 0]);
    expect(await pass([malformed, encrypted], ['malformed'])).toEqual({
      passed: Buffer.concat([malformed, encrypted]),
      asked: ['malformed'],
      how: 'ended',
    });
    expect((await pass([malformed])).how).toBe('refused');
  });

  it('is nothing of a hello that never was whole', async () => {
    const { passed, asked, how } = await pass([good.subarray(0, good.length - 1)]);
    expect([passed.length, asked, how]).toEqual([0, [], 'ended']);
  });

  it('is what came, in order, however it is cut, or what came before the refusal', async () => {
    const bytes = fc.array(fc.constantFrom(good, evil, changeCipherSpec, encrypted, Buffer.from([22, 3])), {
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(bytes, fc.integer({ min: 1, max: 300 }), async (parts, size) => {
        const whole = Buffer.concat(parts);
        const { passed, asked, how } = await pass(piecesOf(whole, size));
        expect(whole.subarray(0, passed.length).equals(passed)).toBe(true);
        if (how === 'ended' && asked.length > 1) expect(passed).toHaveLength(whole.length);
        if (how === 'refused') expect(asked.at(-1)).not.toBe('api.example');
        if (parts[0] === good && !parts.includes(evil)) expect(passed.length).toBeGreaterThanOrEqual(good.length);
      }),
      cases(500),
    );
  });
});
