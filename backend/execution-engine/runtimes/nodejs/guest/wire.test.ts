import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameDecoder } from '../../../protocol/frame-decoder.ts';
import { FrameEncoder } from '../../../protocol/frame-encoder.ts';
import * as host from '../../../protocol/frames.ts';
import * as guest from './wire.ts';

const frames = fc.array(
  fc.record({
    type: fc.integer({ min: 1, max: 16 }),
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
      { numRuns: 300 },
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
    );
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
