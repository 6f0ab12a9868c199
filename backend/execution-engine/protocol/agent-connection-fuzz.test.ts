import { duplexPair } from 'node:stream';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import { cases } from '../../../tests/support/fuzz.ts';
import { AgentConnection } from './agent-connection.ts';
import { FrameEncoder } from './frame-encoder.ts';
import { frameTypes as t } from './frames.ts';

const json = fc.oneof(
  fc.json().map((text) => Buffer.from(text)),
  fc
    .constantFrom('', '{', '[]', 'null', '{"status":200,"headers":[]}', '{"cpuMs":1,"peakMemoryBytes":2}')
    .map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
);
const payload = fc.oneof(
  json,
  fc.tuple(json, json, fc.integer({ min: -2, max: 2 })).map(([meta, body, lie]) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(Math.max(0, meta.length + lie));
    return Buffer.concat([length, meta, body]);
  }),
);
const frame = fc.record({
  type: fc.integer({ min: 0, max: 17 }),
  flags: fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 4),
  id: fc.constantFrom(0, 1, 2, 3, 4, 0xffff_ffff),
  payload,
});

/** Whatever comes after the handshake: the connection stays usable or closes with everyone settled; nothing is thrown past it. */
it('survives random frames in any state, and settles every call', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 12 }), fc.boolean(), async (frames, isReady) => {
      const [host, guest] = duplexPair();
      guest.on('error', () => undefined);
      guest.resume();
      const closed: string[] = [];
      const connection = new AgentConnection({
        stream: host,
        clock: new ManualClock(),
        onClosed: (reason) => closed.push(reason.cause),
      });
      const encoder = new FrameEncoder();
      encoder.text(t.hello, 0, 0, JSON.stringify({ protocol: 1, runtime: 'x', runtimeVersion: '1', pid: 1 }));
      if (isReady)
        encoder.text(t.ready, 0, 0, JSON.stringify({ style: 'event', handlesBatch: false, importMs: 0, initMs: 0 }));
      for (const { type, flags, id, payload: bytes } of frames) encoder.raw(type, flags, id, bytes);
      const bytes = Buffer.concat(encoder.take());
      const opened = connection.open();
      host.emit('data', bytes.subarray(0, 12 + bytes.readUInt32BE(0)));
      await opened;
      const initialised = connection.init({ initTimeoutMs: 1000, logLimitBytes: 1000 } as never).then(
        () => 'ready',
        () => 'failed',
      );
      host.emit('data', bytes.subarray(12 + bytes.readUInt32BE(0)));
      expect(connection.state === 'closed').toBe(closed.length === 1);
      connection.close('over');
      expect(['ready', 'failed']).toContain(await initialised);
      expect(closed).toHaveLength(1);
      expect(connection.outstanding).toBe(0);
    }),
    cases(3000),
  );
});
