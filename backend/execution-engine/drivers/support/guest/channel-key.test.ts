import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { authenticate, newChannelKey } from './channel-key.ts';

let server: Server;
let peer: Socket;
let near: Socket;
beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  [near] = (await accepted) as [Socket];
});
afterEach(() => {
  peer.destroy();
  near.destroy();
  server.close();
});

it('gives every sandbox a key of its own', () => {
  const keys = new Set(Array.from({ length: 100 }, newChannelKey));
  expect(keys.size).toBe(100);
  for (const key of keys) expect(key).toMatch(/^[0-9a-f]{64}$/);
});

it('lets the peer in that knows the key, and keeps what it said behind it', async () => {
  const key = newChannelKey();
  const known = authenticate(near, key);
  peer.write(key.slice(0, 10));
  peer.write(`${key.slice(10)}\nHELLO`);
  await known;
  peer.end(' and more');
  // As the protocol reads: it listens, and does not ask the stream to flow.
  const said: Buffer[] = [];
  near.on('data', (chunk: Buffer) => said.push(chunk));
  await once(near, 'end');
  expect(Buffer.concat(said).toString()).toBe('HELLO and more');
});

it.each([
  ['another key', `${'0'.repeat(64)}\n`],
  ['a frame of the protocol', Buffer.alloc(65, 1)],
  ['a longer line', `${'1'.repeat(200)}\n`],
])('ends the channel of a peer that shows %s', async (_what, said) => {
  const known = authenticate(near, newChannelKey());
  const closed = once(peer, 'close');
  peer.resume();
  peer.write(said);
  await expect(known).rejects.toMatchObject({ kind: 'unavailable', code: 'channel_not_authentic' });
  await closed;
});

it('does not wait for a peer that has gone', async () => {
  const key = newChannelKey();
  const known = authenticate(near, key);
  peer.end(key);
  await expect(known).rejects.toMatchObject({ code: 'guest_lost' });
});
