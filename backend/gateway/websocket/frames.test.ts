import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cases } from '../../../tests/support/fuzz.ts';
import {
  ClientFrames,
  closePayload,
  FunctionPieces,
  fin,
  frameHeader,
  opcodes,
  pieceOf,
  WebSocketError,
} from './frames.ts';

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

/** As text: a comparison of long buffers element by element takes most of the time of a property. */
const comparable = (messages: readonly Message[]) =>
  messages.map(({ opcode, bytes }) => ({ opcode, text: bytes.toString('latin1') }));

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
        { weight: 20, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
        {
          weight: 1,
          arbitrary: fc.integer({ min: 65_530, max: 65_540 }).map((size) => Buffer.alloc(size, size & 255)),
        },
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
        expect(comparable(seen.messages)).toEqual(
          comparable(list.map(({ opcode, parts }) => ({ opcode, bytes: Buffer.concat(parts) }))),
        );
        expect(pings).toHaveLength(list.reduce((sum, { ping, parts }) => sum + (ping ? parts.length : 0), 0));
      }),
      cases(200),
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
    ['an unknown control frame', Buffer.from([fin | 11, 0x80, 0, 0, 0, 0]), 1002],
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
      cases(2000),
    );
  });

  it('take a pong without a word, and an empty close', () => {
    const { frames, pings, closes } = reader(1000);
    frames.push(clientFrame(fin | opcodes.pong, Buffer.from('late'), Buffer.from([1, 2, 3, 4])));
    frames.push(clientFrame(fin | opcodes.ping, Buffer.alloc(125, 0x70), Buffer.from([1, 2, 3, 4])));
    frames.push(clientFrame(fin | opcodes.close, Buffer.alloc(0), Buffer.from([1, 2, 3, 4])));
    expect([pings, closes]).toEqual([['p'.repeat(125)], [Buffer.alloc(0)]]);
  });

  const closing = (code: number) => Buffer.from([code >> 8, code & 255]);
  it.each([1000, 1003, 1007, 1014, 3000, 4999])('may close with %i', (code) => {
    const { frames, closes } = reader(1000);
    frames.push(clientFrame(fin | opcodes.close, closing(code), Buffer.alloc(4)));
    expect(closes).toEqual([closing(code)]);
  });

  it.each([0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535])('may not close with %i', (code) => {
    const frame = clientFrame(fin | opcodes.close, closing(code), Buffer.alloc(4));
    expect(() => reader(1000).frames.push(frame)).toThrow('close code');
  });

  it('may be as long in sum as the limit, and the next message too', () => {
    const seen = joiner();
    const { frames } = reader(1000, seen.piece);
    for (let i = 0; i < 2; i++) {
      frames.push(clientFrame(opcodes.binary, Buffer.alloc(400), Buffer.alloc(4)));
      frames.push(clientFrame(fin, Buffer.alloc(600), Buffer.alloc(4)));
    }
    expect(seen.messages.map(({ bytes }) => bytes.length)).toEqual([1000, 1000]);
    frames.push(clientFrame(opcodes.binary, Buffer.alloc(400), Buffer.alloc(4)));
    expect(() => frames.push(clientFrame(fin, Buffer.alloc(601), Buffer.alloc(4)))).toThrow('more than 1000 bytes');
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
      cases(200),
    );
  });

  it('end with its close, whatever else it says', () => {
    const { pieces, bytes, closes } = writer(1000);
    pieces.push(Buffer.concat([pieceOf(fin | 8, Buffer.from([0x0f, 0xa0])), pieceOf(fin | 1, Buffer.from('late'))]));
    expect(bytes()).toEqual(Buffer.from([fin | 8, 2, 0x0f, 0xa0]));
    expect(closes()).toBe(1);
  });

  it('close without a reason, or with one that comes in pieces', () => {
    const empty = writer(1000);
    empty.pieces.push(pieceOf(fin | opcodes.close, Buffer.alloc(0)));
    expect([empty.bytes(), empty.closes()]).toEqual([Buffer.from([fin | 8, 0]), 1]);
    const slow = writer(1000);
    const reason = closePayload(4000, 'é'.repeat(60));
    for (const byte of pieceOf(fin | opcodes.close, reason)) slow.pieces.push(Buffer.from([byte]));
    expect([slow.bytes(), slow.closes()]).toEqual([Buffer.concat([Buffer.from([fin | 8, 122]), reason]), 1]);
    expect(reason.subarray(2).toString()).toBe('é'.repeat(60));
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
