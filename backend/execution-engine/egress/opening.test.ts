import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cases } from '../../../tests/support/fuzz.ts';
import { listenTo } from './opening.ts';

/** What is heard when the pieces come one after the other, whether only the end told, and what is then there to be read. */
async function hear(pieces: readonly Buffer[]) {
  const connection = new PassThrough();
  const listeners = () => ['readable', 'end'].map((event) => connection.listenerCount(event));
  const before = listeners();
  const listening = listenTo(connection);
  for (const piece of pieces) {
    connection.write(piece);
    // Each piece is heard by itself.
    await new Promise((resolve) => setImmediate(resolve));
  }
  connection.end();
  const { opening, rest } = await listening;
  expect(listeners()).toEqual(before);
  if (rest !== undefined) return { opening, hasWaited: true, all: rest };
  connection.resume();
  return { opening, hasWaited: false, all: Buffer.concat((await connection.toArray()) as Buffer[]) };
}

const line = fc.constantFrom(
  'quit',
  '\u0080\u0090\u00a0\u00b0\u00c0',
  'GET / HTTP/1.1',
  'PRI * HTTP/2.0',
  'GET /',
  'hello',
  '\u0016\u0003',
  '\u0080\u0009\u0001\u0003',
  '',
);
const end = fc.constantFrom('\r\n', '\n', '\u0000', '');
const said = fc
  .tuple(fc.constantFrom('', '\r\n', '\n\n\n'), line, end, fc.string())
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));

/** After every byte, or at a few places. */
const cutting = fc.oneof(fc.constant(Array.from({ length: 64 }, (_, i) => i)), fc.array(fc.nat(40), { maxLength: 12 }));

it('hears the same however what is said is cut, and puts all of it back', async () => {
  await fc.assert(
    fc.asyncProperty(said, cutting, async (bytes, cuts) => {
      const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
      const pieces = at.slice(1).map((to, i) => bytes.subarray(at[i], to));
      const cut = await hear(pieces.filter((piece) => piece.length > 0));
      expect(cut).toEqual(await hear(bytes.length === 0 ? [] : [bytes]));
      expect(cut.all).toEqual(bytes);
    }),
    cases(300),
  );
});

it.each([
  ['tls', Buffer.from([0x16])],
  ['tls', Buffer.from([0x80, 46, 1, 3, 1])],
  ['other', Buffer.from([0x80, 46, 2, 3, 1])],
  ['other', Buffer.from([0x80, 46, 1, 2, 1])],
  ['http', Buffer.from('GET / HTTP/1.1\r\n')],
  ['http', Buffer.from('\r\n\nget\t/ http/9\n')],
  ['http', Buffer.from('PRI * HTTP/1.1\r\n')],
  ['other', Buffer.from('PRI * HTTP/2.0\r\n')],
  ['other', Buffer.from('\r\nPRI * HTTP/2.0\r\n')],
  ['other', Buffer.from([0x90, 0x41, 0x42, 0x43])],
  ['other', Buffer.from('GET /HTTP/1.1\r\n')],
  ['other', Buffer.from('EHLO x\r\n')],
  ['other', Buffer.from('GET / HTTP/1.1\0\r\n')],
  ['other', Buffer.from([0x7f, 0x45, 0x4c, 0x46])],
] as const)('hears %s at once in %j', async (opening, bytes) => {
  expect(await hear([bytes])).toEqual({ opening, hasWaited: false, all: bytes });
});

it.each([Buffer.alloc(0), Buffer.from([0x80, 46, 1]), Buffer.from('GET / HTTP/1.1'), Buffer.from('\r\n\r\n')])(
  'waits for more than %j, and gives it back when no more comes',
  async (bytes) => {
    expect(await hear(bytes.length === 0 ? [] : [bytes])).toEqual({ opening: 'other', hasWaited: true, all: bytes });
  },
);

it('tells with the piece that is enough, though nothing in it looks like an end', async () => {
  const line = Buffer.from('a'.repeat(16_384));
  for (const pieces of [
    [Buffer.from([0x90, 0x41, 0x42]), Buffer.from([0x43])],
    [line.subarray(1), line.subarray(0, 1)],
  ])
    expect(await hear(pieces)).toEqual({ opening: 'other', hasWaited: false, all: Buffer.concat(pieces) });
});

it.each([
  ['of a line', 'a'],
  ['that are empty lines', '\n'],
])('copies little when it hears a thousand pieces %s', async (_what, text) => {
  const { concat } = Buffer;
  let copiedBytes = 0;
  Buffer.concat = ((list: readonly Uint8Array[], size?: number) => {
    copiedBytes += list.reduce((sum, { length }) => sum + length, 0);
    return concat(list, size);
  }) as typeof concat;
  try {
    expect(await hear(Array.from({ length: 1000 }, () => Buffer.from(text)))).toMatchObject({ hasWaited: true });
  } finally {
    Buffer.concat = concat;
  }
  expect(copiedBytes).toBeLessThan(20_000);
});

it('waits no longer than the longest line', async () => {
  const line = Buffer.from('a'.repeat(16_384));
  expect(await hear([line.subarray(1)])).toMatchObject({ opening: 'other', hasWaited: true });
  expect(await hear([line])).toEqual({ opening: 'other', hasWaited: false, all: line });
  const late = Buffer.concat([line.subarray(1, -9), Buffer.from(' HTTP/1.1\n')]);
  expect(await hear([late])).toMatchObject({ opening: 'http', hasWaited: false });
  const tooLate = Buffer.concat([line, Buffer.from(' HTTP/1.1\n')]);
  expect(await hear([tooLate])).toMatchObject({ opening: 'other', hasWaited: false });
});

it('puts many small pieces together as they come', async () => {
  const bytes = Buffer.from(`GET /${'a'.repeat(200)} HTTP/1.1\r\n`);
  const pieces = [...bytes].map((byte) => Buffer.from([byte]));
  expect(await hear(pieces)).toEqual({ opening: 'http', hasWaited: false, all: bytes });
});
