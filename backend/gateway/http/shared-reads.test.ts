import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { readShared, type SharedReads } from './shared-reads.ts';

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

/** A client and the server's end of its connection. */
async function pair(): Promise<{ readonly client: Socket; readonly accepted: Socket }> {
  const server: Server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  open.push(server);
  await once(server, 'listening');
  const client = connect((server.address() as { port: number }).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  open.push({ close: () => client.destroy() }, { close: () => accepted.destroy() });
  return { client, accepted };
}

describe('readShared', () => {
  it('works with the Node that the platform runs on', async () => {
    const { accepted } = await pair();
    expect(readShared(accepted, () => undefined)).toBeDefined();
  });

  it('brings every byte of several connections in order, and their ends', async () => {
    const seen: string[] = ['', ''];
    const ended: Promise<unknown>[] = [];
    const clients: Socket[] = [];
    for (const i of [0, 1]) {
      const { client, accepted } = await pair();
      readShared(accepted, (bytes) => {
        seen[i] += bytes.toString('latin1');
      });
      clients.push(client);
      ended.push(once(accepted, 'end'));
    }
    const texts = ['a', 'b'].map((letter) => Array.from({ length: 5000 }, (_, i) => `${letter}${i} `));
    for (let i = 0; i < 5000; i++) for (const at of [0, 1]) clients[at]?.write(texts[at]?.[i] ?? '');
    for (const client of clients) client.end();
    await Promise.all(ended);
    expect(seen).toEqual(texts.map((text) => text.join('')));
  });

  it('pauses and goes on like any socket', async () => {
    const { client, accepted } = await pair();
    let seen = 0;
    let first: () => void = () => undefined;
    const began = new Promise<void>((resolve) => {
      first = resolve;
    });
    readShared(accepted, (bytes) => {
      seen += bytes.length;
      if (seen > 0) {
        accepted.pause();
        first();
      }
    });
    const all = 4_000_000;
    client.end(Buffer.alloc(all));
    await began;
    const atPause = seen;
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toBe(atPause);
    while (seen < all) {
      accepted.resume();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen).toBe(all);
  });

  it('becomes a stream, with back-pressure and bytes of its own', async () => {
    const { client, accepted } = await pair();
    let reads: SharedReads | undefined;
    const handedOver = new Promise<Buffer>((resolve) => {
      reads = readShared(accepted, (bytes) => {
        const unread = Buffer.from(bytes);
        reads?.toStream();
        accepted.pause();
        accepted.unshift(unread);
        resolve(unread);
      });
    });
    client.write('head ');
    await handedOver;
    const body = Buffer.alloc(3_000_000, 'x');
    client.end(body);
    const chunks: Buffer[] = [];
    for await (const chunk of accepted) {
      chunks.push(chunk as Buffer);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(Buffer.concat(chunks).equals(Buffer.concat([Buffer.from('head '), body]))).toBe(true);
  });
});
