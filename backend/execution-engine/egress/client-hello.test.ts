import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extension, helloOf, inRecords, serverName } from '../../../tests/support/client-hello.ts';
import { cases } from '../../../tests/support/fuzz.ts';
import { maxHelloBytes, readClientHello } from './client-hello.ts';

const read = (bytes: Buffer) => {
  const reading = readClientHello(bytes);
  return typeof reading === 'object' && 'hello' in reading ? reading.hello : reading;
};
const plain = { serverName: 'api.example', isEncrypted: false, hasEarlyData: false };

/** The hello that Node.js sends. */
async function recordedHello(servername: string | undefined): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const server = createServer((socket) =>
    socket.once('data', (bytes) => resolve(bytes.subarray())).on('error', () => undefined),
  );
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', ...(servername === undefined ? {} : { servername }) });
  client.on('error', () => undefined);
  try {
    return await promise;
  } finally {
    client.destroy();
    server.close();
  }
}

describe('the hello of TLS', () => {
  it('of Node.js says for which host it is, or none', async () => {
    const named = await recordedHello('Api.Example');
    expect(readClientHello(named)).toEqual({ hello: plain, length: named.length });
    expect(read(await recordedHello(undefined))).toEqual({ ...plain, serverName: undefined });
  });

  it('says what is hidden, and that data follow', () => {
    expect(read(inRecords(helloOf([serverName('api.example'), extension(0xfe0d, Buffer.alloc(9))])))).toEqual({
      ...plain,
      isEncrypted: true,
    });
    expect(read(inRecords(helloOf([extension(42, Buffer.alloc(0))])))).toMatchObject({ hasEarlyData: true });
    expect(read(inRecords(helloOf()))).toEqual({ ...plain, serverName: undefined });
  });

  it('is the same in records of any size', () => {
    const message = helloOf([serverName('api.example.')]);
    for (const size of [1, 2, 3, 4, 5, 7, 50, 16_384]) {
      const bytes = inRecords(message, size);
      expect(readClientHello(bytes), `records of ${size}`).toEqual({ hello: plain, length: bytes.length });
    }
  });

  it('asks for more bytes until it is whole, never for fewer than there are, and then takes no more than it is', () => {
    for (const size of [1, 6, 16_384]) {
      const bytes = inRecords(helloOf([serverName('api.example')]), size);
      for (let known = 0; known < bytes.length; known++) {
        const reading = readClientHello(bytes.subarray(0, known));
        if (reading === 'malformed' || !('need' in reading)) throw new Error(`${known} bytes are enough`);
        expect(reading.need).toBeGreaterThan(known);
        expect(reading.need).toBeLessThanOrEqual(bytes.length);
      }
      expect(readClientHello(Buffer.concat([bytes, Buffer.from('more')]))).toMatchObject({ length: bytes.length });
    }
  });

  const name = (text: string) => Buffer.concat([Buffer.from([0, 0, text.length]), Buffer.from(text, 'latin1')]);
  const list = (...entries: readonly Buffer[]) => {
    const all = Buffer.concat(entries);
    return Buffer.concat([Buffer.from([all.length >> 8, all.length & 255]), all]);
  };
  const lying = (at: number, by: number) => {
    const message = helloOf([serverName('api.example')]);
    message.writeUInt8((message.readUInt8(at) + by) & 255, at);
    return inRecords(message);
  };
  it.each([
    ['two names', inRecords(helloOf([extension(0, list(name('api.example'), name('evil.example')))]))],
    ['a name twice', inRecords(helloOf([serverName('api.example'), serverName('evil.example')]))],
    ['an empty list', inRecords(helloOf([extension(0, list())]))],
    ['an empty name', inRecords(helloOf([extension(0, list(name('')))]))],
    ['a name of another kind', inRecords(helloOf([extension(0, list(Buffer.from([1, 0, 1, 65])))]))],
    ['a name with a zero', inRecords(helloOf([serverName('api.example\0.evil.example')]))],
    ['a name that is an address in brackets', inRecords(helloOf([serverName('[::1]')]))],
    ['bytes after the list', inRecords(helloOf([extension(0, Buffer.concat([list(name('a.b')), Buffer.from([0])]))]))],
    ['bytes after the extensions', inRecords(Buffer.concat([helloOf([]), Buffer.from([0])]))],
    ['a message that is shorter', lying(3, -1)],
    ['a session that is longer than the message', lying(38, 255)],
    ['another message', inRecords(Buffer.from([2, 0, 0, 1, 0]))],
    ['a record of another kind', Buffer.from([23, 3, 3, 0, 5, 1, 0, 0, 1, 0])],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0, 0])],
    ['a length beyond all bounds', inRecords(Buffer.from([1, 255, 255, 255, 0]))],
  ])('with %s is refused', (_what, bytes) => expect(read(bytes)).toBe('malformed'));

  it('is refused for one thing alone that is wrong with it', () => {
    const message = helloOf([serverName('api.example'), extension(21, Buffer.alloc(3))]);
    const changed = (bytes: Buffer, at: number, value: number) => {
      const copy = Buffer.from(bytes);
      copy[at] = value;
      return copy;
    };
    const whole = inRecords(message);
    expect(read(whole)).toEqual(plain);
    const half = Buffer.concat([inRecords(message.subarray(0, 20)), inRecords(message.subarray(20))]);
    expect(read(half)).toEqual(plain);
    const longer = changed(Buffer.concat([message, Buffer.from([0])]), 3, (message[3] ?? 0) + 1);
    for (const [what, bytes] of [
      ['the kind of the record', changed(whole, 0, 23)],
      ['the version of the record', changed(whole, 1, 2)],
      ['the kind of the second record', changed(half, 25, 23)],
      [
        'an empty record inside',
        Buffer.concat([half.subarray(0, 25), Buffer.from([22, 3, 1, 0, 0]), half.subarray(25)]),
      ],
      ['the kind of the message', inRecords(changed(message, 0, 2))],
      ['a byte behind the extensions', inRecords(longer)],
      ['an extension twice', inRecords(helloOf([extension(21, Buffer.alloc(1)), extension(21, Buffer.alloc(1))]))],
    ] as const)
      expect([what, read(bytes)]).toEqual([what, 'malformed']);
    expect(read(inRecords(helloOf([serverName('a')])))).toMatchObject({ serverName: 'a' });
  });

  it('is bounded, whatever it says of itself', () => {
    const endless = inRecords(Buffer.concat([Buffer.from([1, 0, 0x3f, 0xfd]), Buffer.alloc(20_000)]), 1);
    expect(read(endless)).toBe('malformed');
    for (let known = 0; ; ) {
      const reading = readClientHello(endless.subarray(0, known));
      if (reading === 'malformed') break;
      if (!('need' in reading)) throw new Error('it was read');
      expect(reading.need).toBeLessThanOrEqual(maxHelloBytes);
      known = reading.need;
    }
    // Nor when it is its records that make it too long, whether they are there already or not.
    const cut = inRecords(Buffer.concat([Buffer.from([1, 0, 0x20, 0]), Buffer.alloc(0x2000)]), 1);
    expect(readClientHello(cut.subarray(0, 16_374))).toEqual({ need: 16_380 });
    for (const known of [16_380, 16_386, cut.length]) expect(read(cut.subarray(0, known))).toBe('malformed');
    const padded = (by: number) =>
      inRecords(helloOf([serverName('api.example'), extension(21, Buffer.alloc(by))]), 20_000);
    const most = maxHelloBytes - padded(0).length;
    expect(readClientHello(padded(most))).toEqual({ hello: plain, length: maxHelloBytes });
    expect(read(padded(most + 1))).toBe('malformed');
  });

  it('of any bytes is answered, and a name that is found stands in them', () => {
    const hello = fc
      .tuple(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 65_535 }), fc.uint8Array({ maxLength: 40 })), { maxLength: 5 }),
        fc.integer({ min: 1, max: 400 }),
      )
      .map(([others, size]) =>
        inRecords(
          helloOf([serverName('api.example'), ...others.map(([kind, body]) => extension(kind, Buffer.from(body)))]),
          size,
        ),
      );
    const damaged = fc
      .tuple(hello, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }), fc.nat())
      .map(([bytes, changes, cut]) => {
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        return bytes.subarray(0, cut % 3 === 0 ? cut % bytes.length : bytes.length);
      });
    const anything = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(damaged, hello, anything), (bytes) => {
        const reading = readClientHello(bytes);
        if (reading === 'malformed') return;
        if ('need' in reading) {
          expect(reading.need).toBeGreaterThan(bytes.length);
          return;
        }
        expect(reading.length).toBeLessThanOrEqual(bytes.length);
        const said = reading.hello.serverName;
        if (said !== undefined) expect(said).toMatch(/^[a-z0-9_][a-z0-9_.-]*$/);
      }),
      cases(5_000),
    );
  });
});
