import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClientFrames, FunctionPieces, fin, frameHeader, opcodes, pieceOf, WebSocketError } from './frames.ts';

/** A frame as a client sends it (RFC 6455 section 5.2), written anew here. */
function clientFrame(first: number, payload: Buffer, mask: Buffer): Buffer {
  const header = frameHeader(first, payload.length);
  header[1] = (header[1] as number) | 0x80;
  return Buffer.concat([header, mask, payload.map((byte, i) => byte ^ (mask[i % 4] as number))]);
}

interface Message {
  readonly opcode: number;
  readonly bytes: Buffer;
}

/** What a receiver of pieces puts together. */
function joiner(): { readonly messages: Message[]; readonly piece: (first: number, payload: Buffer) => void } {
  const messages: Message[] = [];
  let opcode = 0;
  let parts: Buffer[] = [];
  return {
    messages,
    piece: (first, payload) => {
      if ((first & 0x0f) !== opcodes.continuation) opcode = first & 0x0f;
      parts.push(payload);
      if ((first & fin) === 0) return;
      messages.push({ opcode, bytes: Buffer.concat(parts) });
      parts = [];
    },
  };
}

function pushInPieces(push: (chunk: Buffer) => void, bytes: Buffer, size: number): void {
  for (let at = 0; at < bytes.length; at += size) push(bytes.subarray(at, at + size));
}

const mask = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes));
const messages = fc.array(
  fc.record({
    opcode: fc.constantFrom(opcodes.text, opcodes.binary),
    parts: fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
        fc.integer({ min: 60_000, max: 70_000 }).map((size) => Buffer.alloc(size, size & 255)),
      ),
      { minLength: 1, maxLength: 4 },
    ),
    mask,
    ping: fc.boolean(),
  }),
  { maxLength: 6 },
);
const reader = (maxMessageBytes: number, onPiece: (first: number, payload: Buffer) => void = () => undefined) => {
  const pings: string[] = [];
  const closes: Buffer[] = [];
  const frames = new ClientFrames({
    maxMessageBytes,
    onPiece,
    onPing: (payload) => pings.push(payload.toString()),
    onClose: (payload) => closes.push(payload),
  });
  return { frames, pings, closes };
};

describe('frames of a client', () => {
  it('are read whatever their lengths, masks, fragments and cuts, with pings between fragments', () => {
    fc.assert(
      fc.property(messages, fc.integer({ min: 1, max: 3000 }), (list, size) => {
        const bytes: Buffer[] = [];
        for (const message of list) {
          for (const [i, part] of message.parts.entries()) {
            const isLast = i === message.parts.length - 1;
            bytes.push(clientFrame((isLast ? fin : 0) | (i === 0 ? message.opcode : 0), part, message.mask));
            if (message.ping) bytes.push(clientFrame(fin | opcodes.ping, Buffer.from('p'), message.mask));
          }
        }
        const seen = joiner();
        const { frames, pings } = reader(1_000_000, seen.piece);
        pushInPieces((chunk) => frames.push(chunk), Buffer.concat(bytes), size);
        expect(seen.messages).toEqual(list.map(({ opcode, parts }) => ({ opcode, bytes: Buffer.concat(parts) })));
        expect(pings).toHaveLength(list.reduce((sum, { ping, parts }) => sum + (ping ? parts.length : 0), 0));
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['no mask', Buffer.from([fin | 1, 0]), 1002],
    ['an extension', Buffer.from([fin | 0x40 | 1, 0x80, 0, 0, 0, 0]), 1002],
    ['an unknown opcode', Buffer.from([fin | 3, 0x80, 0, 0, 0, 0]), 1002],
    ['a fragmented ping', Buffer.from([opcodes.ping, 0x80, 0, 0, 0, 0]), 1002],
    ['a long ping', Buffer.from([fin | opcodes.ping, 0xfe, 0, 126, 0, 0, 0, 0]), 1002],
    ['a continuation of nothing', Buffer.from([fin, 0x80, 0, 0, 0, 0]), 1002],
    ['a message inside another', Buffer.from([1, 0x80, 0, 0, 0, 0, 1, 0x80, 0, 0, 0, 0]), 1002],
    ['a close code of one byte', clientFrame(fin | 8, Buffer.from([3]), Buffer.alloc(4)), 1002],
    ['a close code that is never sent', clientFrame(fin | 8, Buffer.from([0x03, 0xee]), Buffer.alloc(4)), 1002],
    ['more than the limit, told by the header', Buffer.from([fin | 2, 0xfe, 0x03, 0xe9, 0, 0, 0, 0]), 1009],
    ['more than any length', Buffer.from([fin | 2, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],
  ])('end the connection: %s', (_name, bytes, code) => {
    for (const size of [1, bytes.length]) {
      const { frames } = reader(1000);
      expect(() => pushInPieces((chunk) => frames.push(chunk), bytes, size)).toThrow(
        expect.objectContaining({ name: 'WebSocketError', code }),
      );
    }
  });

  it('throw nothing but WebSocketError on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 50 }), (bytes, size) => {
        const { frames } = reader(500);
        try {
          pushInPieces((chunk) => frames.push(chunk), Buffer.from(bytes), size);
        } catch (error) {
          expect(error).toBeInstanceOf(WebSocketError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('are over after a close', () => {
    const seen = joiner();
    const { frames, closes } = reader(1000, seen.piece);
    const close = clientFrame(fin | 8, Buffer.from([0x0f, 0xa0]), Buffer.from([1, 2, 3, 4]));
    frames.push(Buffer.concat([close, clientFrame(fin | 1, Buffer.from('late'), Buffer.alloc(4))]));
    expect(closes).toEqual([Buffer.from([0x0f, 0xa0])]);
    expect(seen.messages).toEqual([]);
  });
});

describe('pieces of a function', () => {
  const writer = (maxMessageBytes: number) => {
    const written: Buffer[] = [];
    let closes = 0;
    const pieces = new FunctionPieces({
      maxMessageBytes,
      write: (data) => written.push(Buffer.from(data)),
      onClose: () => closes++,
    });
    return { pieces, bytes: () => Buffer.concat(written), closes: () => closes };
  };

  it('become frames without a mask, however they are cut', () => {
    fc.assert(
      fc.property(messages, fc.integer({ min: 1, max: 3000 }), (list, size) => {
        const sent: Buffer[] = [];
        const expected: Buffer[] = [];
        for (const message of list) {
          for (const [i, part] of message.parts.entries()) {
            const first = (i === message.parts.length - 1 ? fin : 0) | (i === 0 ? message.opcode : 0);
            sent.push(pieceOf(first, part));
            expected.push(frameHeader(first, part.length), part);
          }
        }
        const { pieces, bytes } = writer(1_000_000);
        pushInPieces((chunk) => pieces.push(chunk), Buffer.concat(sent), size);
        expect(bytes().equals(Buffer.concat(expected))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('end with its close, whatever else it says', () => {
    const { pieces, bytes, closes } = writer(1000);
    pieces.push(Buffer.concat([pieceOf(fin | 8, Buffer.from([0x0f, 0xa0])), pieceOf(fin | 1, Buffer.from('late'))]));
    expect(bytes()).toEqual(Buffer.from([fin | 8, 2, 0x0f, 0xa0]));
    expect(closes()).toBe(1);
  });

  it('end the connection when they are no pieces, or too much', () => {
    for (const bad of [
      Buffer.from([0xff, 0, 0, 0, 0]),
      pieceOf(fin | opcodes.ping, Buffer.from('x')),
      pieceOf(fin, Buffer.from('x')),
      pieceOf(fin | 2, Buffer.alloc(1001)),
      pieceOf(fin | 8, Buffer.alloc(126)),
    ])
      expect(() => writer(1000).pieces.push(bad)).toThrow(WebSocketError);
  });
});
