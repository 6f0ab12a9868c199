import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';

const idleConnections = 10_000;
const slowConnections = 500;
/** Descriptors that a process may have at once here: the platform and this test hold one each per connection. */
const maxDescriptors = Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0);
const tooFew = maxDescriptors >= idleConnections + 500 ? undefined : `only ${maxDescriptors} open files are allowed`;

let platform: Platform;
let sockets: Socket[] = [];
beforeAll(async () => {
  platform = await startPlatform();
  const files = { 'index.mjs': "export const handler = () => ({ statusCode: 200, body: 'here' });" };
  expect((await platform.api('POST', '/api/v1/functions', { name: 'echo', files })).status).toBe(201);
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
});
afterAll(async () => await platform.dispose());

/** Sockets that do nothing by themselves, opened in groups that fit into the kernel's queue of new connections. */
async function open(url: string, count: number): Promise<Socket[]> {
  const { hostname, port } = new URL(url);
  const opened: Socket[] = [];
  for (let made = 0; made < count; made += 100) {
    const group = Array.from({ length: Math.min(100, count - made) }, async () => {
      const socket = connect(Number(port), hostname);
      sockets.push(socket);
      opened.push(socket);
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      });
      socket.on('error', () => undefined);
    });
    await Promise.all(group);
  }
  return opened;
}

const residentMb = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${platform.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

const listeners = [
  ['gateway', () => platform.gatewayUrl, '/echo'],
  ['control', () => platform.url, '/healthz'],
] as const;

describe.each(listeners)('many connections to the %s listener', (_name, url, path) => {
  it.skipIf(tooFew !== undefined)(
    `${idleConnections} that are idle: others are served, and memory stays bounded${skippedFor(tooFew)}`,
    async () => {
      await fetch(`${url()}${path}`);
      const before = residentMb();
      const idle = await open(url(), idleConnections);
      for (let n = 0; n < 50; n++) expect((await fetch(`${url()}${path}`)).status).toBe(200);
      expect(idle.filter((socket) => socket.destroyed || socket.readableEnded)).toEqual([]);
      // 300 MiB in all is the goal of an installation with so many.
      expect(residentMb() - before).toBeLessThan(160);
      const alive = await platform.api('GET', '/api/v1/system');
      expect(alive.status).toBe(200);
    },
  );
});

it(`${slowConnections} that send a head a byte at a time to each listener: closed, and others are served meanwhile`, async () => {
  // Both at once, as ten seconds have to pass for each.
  await Promise.all(listeners.map(([, url, path]) => trickle(url, path)));

  async function trickle(url: () => string, path: string): Promise<void> {
    const slow = await open(url(), slowConnections);
    const answers = slow.map(async (socket) => {
      let answer = '';
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString('latin1');
      });
      await new Promise<void>((resolve) => socket.once('close', () => resolve()));
      return answer;
    });
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(10_000)}`;
    let isOver = false;
    const closed = Promise.all(answers).then((all) => {
      isOver = true;
      return all;
    });
    let served = 0;
    for (let at = 0; !isOver && at < head.length; at++) {
      for (const socket of slow) if (!socket.destroyed) socket.write(head[at] ?? '');
      const response = await fetch(`${url()}${path}`);
      expect(response.status).toBe(200);
      await response.arrayBuffer();
      served++;
      await sleep(100);
    }
    // Ten seconds for a head (docs/gateway.md), whatever trickles in.
    const all = await closed;
    expect(all.filter((answer) => !/^HTTP\/1.1 408 /.test(answer))).toEqual([]);
    expect(served).toBeGreaterThan(10);
    await eventually(async () => expect((await fetch(`${url()}${path}`)).status).toBe(200));
  }
});

describe('10,000 calls at once', () => {
  it.skipIf(tooFew !== undefined)(
    `are answered or refused with Retry-After, every one, and then the platform is calm${skippedFor(tooFew)}`,
    async () => {
      const source = `import { setTimeout as sleep } from 'node:timers/promises';
        export async function handler() { await sleep(5); return { statusCode: 200, body: 'here' }; }`;
      const made = await platform.api('POST', '/api/v1/functions', {
        name: 'narrow',
        files: { 'index.mjs': source },
        concurrency: 4,
        maxInstances: 2,
      });
      expect(made.status).toBe(201);
      expect((await fetch(`${platform.gatewayUrl}/narrow`)).status).toBe(200);
      const before = residentMb();
      const callers = await open(platform.gatewayUrl, idleConnections);
      const heads = callers.map(headOf);
      for (const caller of callers) caller.write('GET /narrow HTTP/1.1\r\nHost: x\r\n\r\n');
      const answers = await Promise.all(heads);
      const count = (status: number) => answers.filter((head) => head.startsWith(`HTTP/1.1 ${status} `)).length;
      const [good, refused] = [count(200), count(429)];
      expect(good + refused, [...new Set(answers.map((head) => head.split('\r\n')[0]))].join('; ')).toBe(
        idleConnections,
      );
      expect(good).toBeGreaterThan(0);
      for (const head of answers.filter((head) => head.startsWith('HTTP/1.1 429 ')))
        expect(head.toLowerCase()).toMatch(/\r\nretry-after: [1-9]/);
      expect(residentMb() - before).toBeLessThan(300);
      expect((await fetch(`${platform.gatewayUrl}/narrow`)).status).toBe(200);
      expect((await fetch(`${platform.gatewayUrl}/echo`)).status).toBe(200);
    },
  );
});

/** The head of the first response on a connection; rejects when there is none. */
async function headOf(socket: Socket): Promise<string> {
  let text = '';
  return await new Promise<string>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end >= 0) resolve(text.slice(0, end));
    });
    socket.once('close', () => reject(new Error(`closed after ${JSON.stringify(text)}`)));
  });
}
