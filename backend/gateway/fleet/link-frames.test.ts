import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import {
  decodeWithMeta,
  encodeFrame,
  encodeWithMeta,
  LinkDecoder,
  type LinkFrame,
  LinkWriter,
  linkFrames,
} from './link-frames.ts';

const meta = { method: 'POST', target: '/ü?a=b', headers: ['x-é', 'naïve'], address: '::1' };
const body = Buffer.from([0, 1, 255]);

/** The frames, copied, that come of bytes in pieces of this size. */
function decoded(bytes: Buffer, size: number, max = 1000): LinkFrame[] {
  const frames: LinkFrame[] = [];
  const decoder = new LinkDecoder(max, (frame) => frames.push({ ...frame, payload: Buffer.from(frame.payload) }));
  for (let at = 0; at < bytes.length; at += size) decoder.push(bytes.subarray(at, at + size));
  return frames;
}

test.each([1, 2, 9, 10, 1000])('what was encoded comes back, in pieces of %i bytes', (size) => {
  const bytes = Buffer.concat([
    encodeWithMeta(linkFrames.request, 7, meta, body),
    encodeFrame(linkFrames.end, 0xffff_ffff),
    encodeFrame(linkFrames.data, 1, body),
  ]);
  const frames = decoded(bytes, size);
  expect(frames.map(({ type, id }) => [type, id])).toEqual([
    [linkFrames.request, 7],
    [linkFrames.end, 0xffff_ffff],
    [linkFrames.data, 1],
  ]);
  expect(decodeWithMeta(frames[0]?.payload ?? body)).toEqual({ meta, body });
  expect(frames[2]?.payload).toEqual(body);
});

test('a frame that is too long is refused before it is waited for', () => {
  const bytes = encodeFrame(linkFrames.data, 1, Buffer.alloc(1001));
  expect(() => decoded(bytes.subarray(0, 9), 9)).toThrow('longer than it may be');
});

test('behind a stop everything is left as it came', () => {
  const decoder: LinkDecoder = new LinkDecoder(100, () => decoder.stop());
  const next = Buffer.from('GET / HTTP/1.1\r\n\r\n');
  decoder.push(Buffer.concat([encodeFrame(linkFrames.tunnel, 0, Buffer.from('::1')), next]));
  expect(decoder.rest).toEqual(next);
});

test('behind a stop what comes later is left too, in one piece or several', () => {
  const decoder: LinkDecoder = new LinkDecoder(100, () => decoder.stop());
  decoder.push(encodeFrame(linkFrames.tunnel, 0));
  expect(decoder.rest).toEqual(Buffer.alloc(0));
  for (const piece of ['GET / ', 'HTTP/1.1\r\n', '\r\n']) decoder.push(Buffer.from(piece));
  expect(decoder.rest.toString()).toBe('GET / HTTP/1.1\r\n\r\n');
});

test('a frame that comes in one piece is a part of it, and so is what is left', () => {
  const chunks: Buffer[] = [];
  const decoder: LinkDecoder = new LinkDecoder(100, ({ id, payload }) => {
    expect(payload.buffer).toBe(chunks[id]?.buffer);
    if (id === 2) decoder.stop();
  });
  for (const id of [0, 1, 2]) {
    // Of its own memory, which small buffers share.
    const chunk = Buffer.from(
      new Uint8Array(Buffer.concat([encodeFrame(linkFrames.data, id, body), Buffer.alloc(id)])).buffer,
    );
    chunks.push(id === 1 ? chunk.subarray(0, -1) : chunk);
    decoder.push(chunks[id] as Buffer);
  }
  expect(decoder.rest).toEqual(Buffer.alloc(2));
  expect(decoder.rest.buffer).toBe(chunks[2]?.buffer);
});

test('a turn is corked once and uncorked at its end, and nothing is written to a socket that is over', async () => {
  const calls: string[] = [];
  const state = { destroyed: false, writableEnded: false };
  const note = (name: string) => () => calls.push(name);
  const socket = Object.assign(state, { cork: note('cork'), uncork: note('uncork'), write: note('write') });
  const writer = new LinkWriter(socket as unknown as Socket);
  for (let turn = 0; turn < 2; turn++) {
    writer.write(body);
    writer.write(body);
    await new Promise(setImmediate);
  }
  expect(calls.splice(0)).toEqual(['cork', 'write', 'write', 'uncork', 'cork', 'write', 'write', 'uncork']);
  for (const over of ['destroyed', 'writableEnded'] as const) {
    Object.assign(state, { destroyed: false, writableEnded: false, [over]: true });
    writer.write(body);
  }
  await new Promise(setImmediate);
  expect(calls).toEqual([]);
});

test('the longest frame is taken', () => {
  const bytes = encodeFrame(linkFrames.data, 1, Buffer.alloc(1000, 7));
  for (const size of [1, 500, 1009]) expect(decoded(bytes, size)[0]?.payload.equals(Buffer.alloc(1000, 7))).toBe(true);
});

test('frames of one turn leave together, and none after the end', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  const writer = new LinkWriter(client);
  const chunks: Buffer[] = [];
  far.on('data', (chunk) => chunks.push(chunk));
  for (const id of [1, 2, 3]) writer.write(encodeFrame(linkFrames.gone, id));
  expect(client.writableLength).toBe(27);
  await once(far, 'data');
  writer.write(encodeFrame(linkFrames.gone, 4));
  await expect.poll(() => Buffer.concat(chunks).length).toBe(36);
  client.end();
  writer.write(encodeFrame(linkFrames.gone, 5));
  await once(far, 'end');
  expect(decoded(Buffer.concat(chunks), 36).map(({ id }) => id)).toEqual([1, 2, 3, 4]);
  client.destroy();
  writer.write(encodeFrame(linkFrames.gone, 6));
  server.close();
});
