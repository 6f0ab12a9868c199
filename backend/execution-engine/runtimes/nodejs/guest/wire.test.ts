import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cases } from '../../../../../tests/support/fuzz.ts';
import { FrameDecoder } from '../../../protocol/frame-decoder.ts';
import { FrameEncoder } from '../../../protocol/frame-encoder.ts';
import * as host from '../../../protocol/frames.ts';
import * as guest from './wire.ts';

const frames = fc.array(
  fc.record({
    type: fc.integer({ min: 1, max: host.highestFrameType }),
    flags: fc.integer({ min: 0, max: 3 }),
    id: fc.integer({ min: 0, max: 0xffff_ffff }),
    meta: fc.string({ unit: 'grapheme', maxLength: 60 }),
    body: fc.oneof(
      fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
      fc.integer({ min: 16_000, max: 70_000 }).map((size) => Buffer.alloc(size, size & 255)),
    ),
  }),
  { maxLength: 10 },
);

describe('the agent and the host agree', () => {
  it('on every number', () => {
    expect(guest.frameTypes).toEqual(host.frameTypes);
    expect([guest.flagEnd, guest.flagBatch]).toEqual([host.frameFlags.end, host.frameFlags.batch]);
    expect(guest.headerBytes).toBe(host.headerBytes);
    expect(guest.initialCreditBytes).toBe(host.initialCreditBytes);
    expect(guest.maxChunkBytes).toBe(host.maxChunkBytes);
    expect(guest.maxPayloadBytes).toBe(host.maxPayloadBytes);
    expect(guest.tunnelCreditBytes).toBe(host.tunnelCreditBytes);
    expect(guest.maxTunnelChunkBytes).toBe(host.maxTunnelChunkBytes);
  });

  it('on the bytes of every frame, in both directions and however they are cut', () => {
    fc.assert(
      fc.property(frames, fc.integer({ min: 1, max: 5000 }), (list, size) => {
        const writer = new guest.FrameWriter();
        const encoder = new FrameEncoder();
        for (const { type, flags, id, meta, body } of list) {
          writer.meta(type, flags, id, meta, body);
          encoder.meta(type, flags, id, meta, [body]);
          writer.text(type, flags, id, meta);
          encoder.text(type, flags, id, meta);
          writer.raw(type, flags, id, body);
          encoder.raw(type, flags, id, body);
          writer.u32(type, id, body.length);
          encoder.u32(type, id, body.length);
        }
        const bytes = Buffer.concat(writer.take());
        expect(bytes.equals(Buffer.concat(encoder.take()))).toBe(true);
        const seen: unknown[][] = [[], []];
        const receive = (into: unknown[]) => (type: number, flags: number, id: number, payload: Buffer) =>
          into.push([type, flags, id, payload.toString('hex')]);
        const decoder = new FrameDecoder({ receive: receive(seen[0]!) });
        const reader = new guest.FrameReader(receive(seen[1]!));
        for (let at = 0; at < bytes.length; at += size) {
          decoder.push(bytes.subarray(at, at + size));
          reader.push(bytes.subarray(at, at + size));
        }
        expect(seen[0]).toHaveLength(list.length * 4);
        expect(seen[1]).toEqual(seen[0]);
      }),
      cases(300),
    );
  });

  it('on the bytes of every frame when their memory is used again and again', () => {
    fc.assert(
      fc.property(frames, (list) => {
        const writer = new guest.FrameWriter();
        const encoder = new FrameEncoder();
        for (const { type, flags, id, meta, body } of list) {
          writer.meta(type, flags, id, meta, body);
          encoder.meta(type, flags, id, meta, [body]);
          const taken = [Buffer.concat(writer.take()), Buffer.concat(encoder.take())];
          writer.recycle();
          encoder.recycle();
          const fresh = new FrameEncoder();
          fresh.meta(type, flags, id, meta, [body]);
          const expected = Buffer.concat(fresh.take());
          expect(taken[0]?.equals(expected)).toBe(true);
          expect(taken[1]?.equals(expected)).toBe(true);
        }
      }),
      cases(),
    );
  });

  it('on bodies that are no Buffers, and on when to copy', () => {
    for (const size of [0, 5, 16_384, 16_385, 70_000]) {
      const writer = new guest.FrameWriter();
      const view = new Uint8Array(new ArrayBuffer(size + 3), 3, size).fill(size & 255);
      writer.raw(5, 1, 9, view);
      writer.meta(7, 0, 9, '{}', view);
      expect(writer.bytes).toBe(12 + size + 12 + 4 + 2 + size);
      const encoder = new FrameEncoder();
      encoder.raw(5, 1, 9, Buffer.from(view));
      encoder.meta(7, 0, 9, '{}', [Buffer.from(view)]);
      const taken = writer.take();
      expect(Buffer.concat(taken).equals(Buffer.concat(encoder.take()))).toBe(true);
      expect(taken.filter((bytes) => bytes.buffer === view.buffer)).toHaveLength(size > 16_384 ? 2 : 0);
      expect([writer.bytes, writer.take()]).toEqual([0, []]);
    }
  });

  it('on memory: a large frame gives it back, and what waits keeps it', () => {
    const writer = new guest.FrameWriter();
    writer.text(8, 0, 1, 'x'.repeat(100_000));
    writer.recycle();
    const [large] = writer.take();
    writer.recycle();
    writer.text(8, 0, 2, 'small');
    const [small] = writer.take();
    expect([large?.buffer.byteLength, small?.buffer.byteLength]).toEqual([300_012, 65_536]);
    writer.recycle();
    writer.raw(5, 0, 1, Buffer.alloc(20_000));
    writer.recycle();
    writer.text(8, 0, 3, 'other');
    const seen: number[] = [];
    const decoder = new FrameDecoder({ receive: (_type, _flags, id) => seen.push(id) });
    for (const bytes of writer.take()) decoder.push(bytes);
    expect(seen).toEqual([1, 3]);
  });

  it('on memory that is used again, in which the size of a block stays', () => {
    const writer = new guest.FrameWriter();
    writer.text(8, 0, 1, 'first');
    const [first] = writer.take();
    writer.recycle();
    writer.text(8, 0, 2, 'again');
    const [second] = writer.take();
    expect(second?.buffer).toBe(first?.buffer);
    expect(second?.byteOffset).toBe(first?.byteOffset);
  });

  it('on a frame that lies within a chunk: it is a part of it, also when it is empty', () => {
    const writer = new guest.FrameWriter();
    writer.text(8, 0, 1, 'text');
    writer.text(9, 1, 2, '');
    const chunk = Buffer.concat(writer.take());
    const seen: unknown[] = [];
    new guest.FrameReader((type, flags, id, payload) =>
      seen.push([type, flags, id, payload.toString(), payload.buffer === chunk.buffer]),
    ).push(chunk);
    expect(seen).toEqual([
      [8, 0, 1, 'text', true],
      [9, 1, 2, '', true],
    ]);
  });

  it.each(['raw', 'text', 'u32', 'log', 'meta', 'text body'] as const)('on %s where a block ends', (kind) => {
    const write = (writer: guest.FrameWriter) => {
      if (kind === 'raw') writer.raw(9, 0, 2, Buffer.from('payload'));
      else if (kind === 'text') writer.text(9, 0, 2, 'payload');
      else if (kind === 'u32') writer.u32(9, 2, 258);
      else if (kind === 'log') writer.log(2, 1, 1, 0, 'payload');
      else writer.meta(9, 0, 2, '{"a":"ü"}', kind === 'meta' ? Buffer.from('payload') : 'payload');
    };
    const alone = new guest.FrameWriter();
    write(alone);
    const expected = Buffer.concat(alone.take());
    /** The most that each may need. */
    const needed = { raw: 19, text: 33, u32: 16, log: 37, meta: 50, 'text body': 64 }[kind];
    for (const room of [0, 1, needed - 1, needed, needed + 1]) {
      const writer = new guest.FrameWriter();
      const sizes = [16_384, 16_384, 16_384, 65_536 - room - 3 * 16_396 - 12];
      for (const size of sizes) writer.raw(5, 0, 1, Buffer.alloc(size, 9));
      write(writer);
      const taken = writer.take();
      expect(taken).toHaveLength(room < needed ? 2 : 1);
      const before = Buffer.concat(sizes.flatMap((size) => [header(size), Buffer.alloc(size, 9)]));
      expect(Buffer.concat(taken).equals(Buffer.concat([before, expected]))).toBe(true);
    }
  });

  it('on the longest frame, and refuses a longer one that comes in pieces', () => {
    const header = Buffer.alloc(12);
    header.writeUInt32BE(host.maxPayloadBytes + 1);
    const reader = new guest.FrameReader(() => undefined);
    reader.push(header.subarray(0, 11));
    expect(() => reader.push(header.subarray(11))).toThrow(`a frame of ${host.maxPayloadBytes + 1} bytes`);
    header.writeUInt32BE(host.maxPayloadBytes);
    const seen: number[] = [];
    const longest = new guest.FrameReader((_type, _flags, _id, payload) => seen.push(payload.length));
    longest.push(header);
    longest.push(Buffer.alloc(host.maxPayloadBytes));
    expect(seen).toEqual([host.maxPayloadBytes]);
  });

  it('on text bodies and log entries', () => {
    const writer = new guest.FrameWriter();
    writer.meta(7, 1, 5, '{"ü":1}', 'körper');
    writer.log(5, 2, 1, 1, 'zeile\n€');
    const frames: [number, Buffer][] = [];
    new FrameDecoder({ receive: (type, _flags, _id, payload) => frames.push([type, payload]) }).push(
      Buffer.concat(writer.take()),
    );
    const [, response] = frames[0]!;
    expect(response.toString('utf8', 4 + response.readUInt32BE(0))).toBe('körper');
    const [, log] = frames[1]!;
    expect([...log.subarray(0, 4), log.toString('utf8', 4)]).toEqual([2, 1, 0, 1, 'zeile\n€']);
  });
});

/** Of a BODY frame of exchange 1. */
function header(length: number): Buffer {
  const bytes = Buffer.from([0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 1]);
  bytes.writeUInt32BE(length);
  return bytes;
}
