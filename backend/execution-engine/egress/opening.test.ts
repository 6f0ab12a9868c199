import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { listenTo } from './opening.ts';

/** What is heard when the pieces come one after the other, whether only the end told, and what is then there to be read. */
async function hear(pieces: readonly Buffer[]) {
  const connection = new PassThrough();
  const listening = listenTo(connection);
  for (const piece of pieces) {
    connection.write(piece);
    // Each piece is heard by itself.
    await new Promise((resolve) => setImmediate(resolve));
  }
  connection.end();
  const { opening, rest } = await listening;
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
    { numRuns: 300 },
  );
});
