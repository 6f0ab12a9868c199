import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cases } from '../../../tests/support/fuzz.ts';
import { FrameDecoder } from './frame-decoder.ts';
import { FrameEncoder } from './frame-encoder.ts';
import { headerBytes, highestFrameType, maxPayloadBytes, Violation } from './frames.ts';

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

const frames = fc.array(
  fc.record({
    type: fc.integer({ min: 1, max: highestFrameType }),
    flags: fc.integer({ min: 0, max: 3 }),
    id: fc.integer({ min: 0, max: 0xffff_ffff }),
    payload: fc.oneof(
      { weight: 9, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 100_000 }).map((size) => Buffer.alloc(size, size & 255)) },
    ),
  }),
  { maxLength: 12 },
);
/** Sizes of the chunks that a stream arrives in; the last one repeats. */
const cuts = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 20 });

function encode(list: readonly Frame[]): Buffer {
  const encoder = new FrameEncoder();
  for (const { type, flags, id, payload } of list) encoder.raw(type, flags, id, payload);
  return Buffer.concat(encoder.take());
}

function collect(): { readonly decoder: FrameDecoder; readonly received: Frame[] } {
  const received: Frame[] = [];
  const decoder = new FrameDecoder({
    receive: (type, flags, id, payload) => received.push({ type, flags, id, payload }),
  });
  return { decoder, received };
}

/** Payloads as text: a comparison of long buffers element by element takes most of the time of a property. */
function expectFrames(received: readonly Frame[], expected: readonly Frame[]): void {
  const comparable = ({ payload, ...frame }: Frame) => ({ ...frame, payload: payload.toString('latin1') });
  expect(received.map(comparable)).toEqual(expected.map(comparable));
}

function pushInPieces(decoder: FrameDecoder, bytes: Buffer, sizes: readonly number[]): void {
  let offset = 0;
  for (let i = 0; offset < bytes.length; i++) {
    const size = sizes[Math.min(i, sizes.length - 1)] ?? 1;
    decoder.push(Buffer.from(bytes.subarray(offset, offset + size)));
    offset += size;
  }
}

describe('FrameDecoder', () => {
  it('returns what was encoded, however the bytes are cut', () => {
    fc.assert(
      fc.property(frames, cuts, (list, sizes) => {
        const { decoder, received } = collect();
        pushInPieces(decoder, encode(list), sizes);
        expectFrames(received, list);
        expect(decoder.bufferedBytes).toBe(0);
      }),
      cases(4000),
    );
  });

  it('delivers every whole frame of a truncated stream and holds less than one frame', () => {
    fc.assert(
      fc.property(frames, cuts, fc.double({ min: 0, max: 1, noNaN: true }), (list, sizes, share) => {
        const bytes = encode(list);
        const cut = bytes.subarray(0, Math.floor(bytes.length * share));
        const { decoder, received } = collect();
        pushInPieces(decoder, cut, sizes);
        expectFrames(received, list.slice(0, received.length));
        const delivered = received.reduce((sum, frame) => sum + headerBytes + frame.payload.length, 0);
        expect(decoder.bufferedBytes).toBe(cut.length - delivered);
        expect(
          received.length === list.length ||
            decoder.bufferedBytes < headerBytes + list[received.length]!.payload.length,
        ).toBe(true);
      }),
      cases(3000),
    );
  });

  it('throws nothing but Violation on random bytes and never holds more than one frame', () => {
    let violations = 0;
    const tries = cases(6000);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc
        .tuple(fc.integer({ min: 0, max: 0xffff_ffff }), fc.uint8Array({ minLength: 8, maxLength: 100 }))
        .map(([length, rest]) => Buffer.concat([u32(length), rest])),
      fc
        .tuple(
          fc.integer({ min: 0, max: 40 }),
          fc.integer({ min: 0, max: 18 }),
          fc.integer({ min: 0, max: 4 }),
          fc.uint8Array({ maxLength: 60 }),
        )
        .map(([length, type, flags, rest]) =>
          Buffer.concat([u32(length), Buffer.from([type, flags, 0, 0, 0, 0, 0, 1]), rest]),
        ),
    );
    fc.assert(
      fc.property(bytes, cuts, (input, sizes) => {
        const { decoder, received } = collect();
        try {
          pushInPieces(decoder, Buffer.from(input), sizes);
        } catch (error) {
          violations++;
          expect(error).toBeInstanceOf(Violation);
        }
        expect(decoder.bufferedBytes).toBeLessThanOrEqual(maxPayloadBytes + headerBytes);
        for (const frame of received) {
          expect(frame.type).toBeGreaterThan(0);
          expect(frame.type).toBeLessThanOrEqual(highestFrameType);
          expect(frame.flags).toBeLessThanOrEqual(3);
        }
      }),
      tries,
    );
    expect(violations).toBeGreaterThan(tries.numRuns / 6);
  });

  it.each([
    ['type 0', [0, 0, 0, 0], 'unknown frame type 0'],
    ['a type of tomorrow', [highestFrameType + 1, 0, 0, 0], 'unknown frame type 21'],
    ['an unknown flag', [5, 4, 0, 0], 'unknown flags 4'],
    ['all flags', [5, 0xff, 0, 0], 'unknown flags 255'],
    ['reserved bits', [5, 0, 1, 0], 'reserved bits'],
    ['other reserved bits', [5, 0, 0, 0x80], 'reserved bits'],
  ])('refuses %s as soon as the header is there', (_what, bytes, message) => {
    const header = Buffer.from([0, 0, 0, 9, ...bytes, 0, 0, 0, 1]);
    for (const size of [1, 5, 12]) {
      const { decoder, received } = collect();
      expect(() => pushInPieces(decoder, header, [size])).toThrow(message);
      expect(received).toEqual([]);
    }
  });

  it('accepts the longest payload and refuses one byte more before anything of it came', () => {
    const { decoder, received } = collect();
    decoder.push(encode([{ type: 5, flags: 0, id: 1, payload: Buffer.alloc(maxPayloadBytes) }]));
    expect(received[0]?.payload.length).toBe(maxPayloadBytes);
    const over = Buffer.concat([u32(maxPayloadBytes + 1), Buffer.from([5, 0, 0, 0, 0, 0, 0, 1])]);
    expect(() => decoder.push(over)).toThrow(
      new Violation(`frame of ${maxPayloadBytes + 1} bytes; at most ${maxPayloadBytes} are allowed`),
    );
  });

  it('slices a frame that lies within a chunk instead of copying it', () => {
    const { decoder, received } = collect();
    const chunk = encode([{ type: 5, flags: 0, id: 1, payload: Buffer.from('abc') }]);
    decoder.push(chunk);
    expect(received[0]?.payload.buffer).toBe(chunk.buffer);
  });

  it('delivers nothing after it was stopped, even from the same chunk', () => {
    const received: number[] = [];
    const decoder: FrameDecoder = new FrameDecoder({
      receive: (_type, _flags, id) => {
        received.push(id);
        decoder.stop();
      },
    });
    const frame = { type: 5, flags: 0, payload: Buffer.from('x') };
    decoder.push(
      encode([
        { ...frame, id: 1 },
        { ...frame, id: 2 },
      ]),
    );
    decoder.push(encode([{ ...frame, id: 3 }]));
    expect(received).toEqual([1]);
  });
});

describe('a FrameDecoder that is stopped', () => {
  const frame = encode([{ type: 5, flags: 0, id: 1, payload: Buffer.from('abcdef') }]);
  it.each([3, 12, 15])('delivers nothing of a frame of which %i bytes had come', (known) => {
    const { decoder, received } = collect();
    decoder.push(frame.subarray(0, known));
    expect(decoder.bufferedBytes).toBe(known);
    decoder.stop();
    decoder.push(frame.subarray(known));
    decoder.push(frame);
    expect(received).toEqual([]);
  });

  it('holds nothing of what came behind the frame in which it was', () => {
    const decoder: FrameDecoder = new FrameDecoder({ receive: () => decoder.stop() });
    decoder.push(Buffer.concat([frame, frame.subarray(0, 5)]));
    expect(decoder.bufferedBytes).toBe(0);
    const later: FrameDecoder = new FrameDecoder({ receive: () => later.stop() });
    later.push(frame.subarray(0, 5));
    later.push(Buffer.concat([frame.subarray(5), frame]));
    expect(later.bufferedBytes).toBe(0);
  });
});

describe('FrameEncoder', () => {
  it('encodes text and meta with bodies of any size, in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 100 }), fc.integer({ min: 0, max: 40_000 })), {
          maxLength: 8,
        }),
        (items) => {
          const encoder = new FrameEncoder();
          for (const [text, size] of items) {
            encoder.text(8, 0, 1, text);
            encoder.meta(4, 1, 2, text, [Buffer.alloc(size, 7), Buffer.from('end')]);
            encoder.u32(11, 3, size);
          }
          const announced = encoder.bytes;
          const taken = encoder.take();
          expect(taken.reduce((sum, bytes) => sum + bytes.length, 0)).toBe(announced);
          const { decoder, received } = collect();
          for (const bytes of taken) decoder.push(bytes);
          const seen = received.map(({ type, payload }) => {
            if (type === 8) return payload.toString();
            if (type === 11) return payload.readUInt32BE(0);
            const metaBytes = payload.readUInt32BE(0);
            const body = payload.subarray(4 + metaBytes);
            expect(body.subarray(-3).toString()).toBe('end');
            return [payload.toString('utf8', 4, 4 + metaBytes), body.length - 3];
          });
          const valid = (text: string) => Buffer.from(text).toString();
          expect(seen).toEqual(items.flatMap(([text, size]) => [valid(text), [valid(text), size], size]));
        },
      ),
      cases(1000),
    );
  });

  it('puts small frames into one block and never writes to a block that was taken', () => {
    const encoder = new FrameEncoder();
    for (let i = 0; i < 100; i++) encoder.text(8, 0, i, 'x');
    const taken = encoder.take();
    expect(taken).toHaveLength(1);
    const copy = Buffer.from(taken[0]!);
    for (let i = 0; i < 100; i++) encoder.text(8, 0, i, 'y');
    encoder.take();
    expect(taken[0]).toEqual(copy);
    expect(encoder.take()).toEqual([]);
  });

  it('uses the same memory again when it was told that nobody reads it, and not while something waits in it', () => {
    const encoder = new FrameEncoder();
    encoder.text(8, 0, 1, 'first');
    const [first] = encoder.take();
    encoder.recycle();
    encoder.text(8, 0, 2, 'again');
    encoder.recycle();
    encoder.text(8, 0, 3, 'other');
    const [second] = encoder.take();
    expect(second?.buffer).toBe(first?.buffer);
    expect(second?.byteOffset).toBe(first?.byteOffset);
    expect(second?.toString('latin1')).toMatch(/again.*other$/s);
  });

  it('goes back to a block of the usual size after a large text', () => {
    const encoder = new FrameEncoder();
    encoder.text(8, 0, 1, 'x'.repeat(100_000));
    const [large] = encoder.take();
    encoder.recycle();
    encoder.text(8, 0, 2, 'small');
    const [small] = encoder.take();
    expect(small?.buffer).not.toBe(large?.buffer);
    expect(small?.buffer.byteLength).toBe(65_536);
  });

  it.each(['raw', 'text', 'u32', 'meta'] as const)('keeps %s whole where a block ends', (kind) => {
    const bytes = Buffer.from('payload');
    const number = Buffer.from([0, 0, 1, 2]);
    /** The most that each may need, and what it is. */
    const [needed, payload] = {
      raw: [12 + 7, bytes],
      text: [12 + 7 * 3, bytes],
      u32: [12 + 4, number],
      meta: [12 + 4 + 2 * 3 + 7, Buffer.concat([u32(2), Buffer.from('{}'), bytes])],
    }[kind] as [number, Buffer];
    for (const room of [0, 1, needed - 1, needed, needed + 1]) {
      const encoder = new FrameEncoder();
      const before = [16_384, 16_384, 16_384, 65_536 - room - 3 * 16_396 - 12].map((size) => Buffer.alloc(size, 9));
      for (const filling of before) encoder.raw(5, 0, 1, filling);
      if (kind === 'raw') encoder.raw(9, 0, 2, bytes);
      else if (kind === 'text') encoder.text(9, 0, 2, 'payload');
      else if (kind === 'u32') encoder.u32(9, 2, 258);
      else encoder.meta(9, 0, 2, '{}', [bytes]);
      const taken = encoder.take();
      expect(taken).toHaveLength(room < needed ? 2 : 1);
      const { decoder, received } = collect();
      for (const block of taken) decoder.push(block);
      expectFrames(received, [
        ...before.map((filling) => ({ type: 5, flags: 0, id: 1, payload: filling })),
        { type: 9, flags: 0, id: 2, payload },
      ]);
    }
  });

  it('hands out large bodies behind their meta as they are, and nothing that is empty', () => {
    for (const [size, isCopied] of [
      [16_384, true],
      [16_385, false],
    ] as const) {
      const encoder = new FrameEncoder();
      const body = Buffer.alloc(size, 1);
      encoder.meta(4, 0, 1, '{}', [body, Buffer.alloc(0)]);
      const taken = encoder.take();
      expect(taken.includes(body)).toBe(!isCopied);
      expect(taken.map((bytes) => bytes.length)).toEqual(isCopied ? [12 + 6 + size] : [12 + 6, size]);
    }
  });

  it('does not use memory again while the head of a large body waits in it', () => {
    const encoder = new FrameEncoder();
    encoder.raw(5, 0, 1, Buffer.alloc(20_000));
    encoder.recycle();
    encoder.u32(11, 2, 7);
    const { decoder, received } = collect();
    for (const bytes of encoder.take()) decoder.push(bytes);
    expect(received.map(({ id }) => id)).toEqual([1, 2]);
  });

  it('says what waits, and copies only what is small', () => {
    const encoder = new FrameEncoder();
    const [small, large] = [Buffer.alloc(16_384, 1), Buffer.alloc(16_385, 2)];
    encoder.raw(5, 0, 1, small);
    encoder.raw(5, 0, 2, large);
    encoder.u32(11, 3, 7);
    expect(encoder.bytes).toBe(3 * 12 + small.length + large.length + 4);
    const taken = encoder.take();
    expect(encoder.bytes).toBe(0);
    expect(taken.filter((bytes) => bytes.buffer === small.buffer)).toEqual([]);
    expect(taken.filter((bytes) => bytes === large)).toHaveLength(1);
  });
});

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
