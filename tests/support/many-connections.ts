import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Descriptors that a process may have at once here: the platform and its client hold one each per connection. */
const maxDescriptors = Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0);

/** Why a process here cannot hold so many connections; undefined when it can. */
export const tooFewFor = (connections: number): string | undefined =>
  maxDescriptors >= connections + 500 ? undefined : `only ${maxDescriptors} open files are allowed`;

/** Sockets that do nothing by themselves, opened in groups that fit into the kernel's queue of new connections. */
export async function openConnections(url: string, count: number): Promise<readonly Socket[]> {
  const { hostname, port } = new URL(url);
  const opened: Socket[] = [];
  for (let made = 0; made < count; made += 100) {
    const group = Array.from({ length: Math.min(100, count - made) }, async () => {
      const socket = connect(Number(port), hostname);
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

/** The first answer on a connection. */
export interface FirstAnswer {
  readonly status: number;
  readonly head: string;
  /** From the call until its head was there. */
  readonly tookMs: number;
  /** What came of the body with the head, or until `Content-Length` was reached. */
  readonly body: string;
}

/** Writes a request and waits for its answer; rejects when the connection ends before. */
export async function ask(socket: Socket, request: string): Promise<FirstAnswer> {
  const startedAt = performance.now();
  let text = '';
  let tookMs = Number.NaN;
  return await new Promise<FirstAnswer>((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (Number.isNaN(tookMs)) tookMs = performance.now() - startedAt;
      const head = text.slice(0, end);
      const body = text.slice(end + 4);
      if (body.length < Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)) return;
      socket.off('data', onData);
      resolve({ status: Number(head.split(' ')[1]), head, tookMs, body });
    };
    socket.on('data', onData);
    socket.once('close', () => reject(new Error(`closed after ${JSON.stringify(text)}`)));
    socket.write(request);
  });
}

/** A function that says from when to when it ran, in milliseconds of this host's clock, and takes `ms`. */
export const spanSource = (ms: number): string => `import { setTimeout as sleep } from 'node:timers/promises';
const now = () => performance.timeOrigin + performance.now();
export async function handler() {
  const from = now();
  await sleep(${ms});
  return { statusCode: 200, body: JSON.stringify({ from, to: now() }) };
}`;

/** How many of these calls to a function of `spanSource` ran at the same time, at most. */
export function mostAtOnce(bodies: readonly string[]): number {
  const spans = bodies.map((body) => JSON.parse(body) as { readonly from: number; readonly to: number });
  // An end before a start at the same moment: they did not run together.
  const edges = spans
    .flatMap(({ from, to }) => [
      { at: from, change: 1 },
      { at: to, change: -1 },
    ])
    .sort((a, b) => a.at - b.at || a.change - b.change);
  let [running, most] = [0, 0];
  for (const { change } of edges) {
    running += change;
    most = Math.max(most, running);
  }
  return most;
}

/** What became of slow senders. */
export interface SlowSenders {
  /** What each was told before it was closed. */
  readonly answers: readonly string[];
  /** The longest that one of them was open after its own first byte: they begin one after the other. */
  readonly closedMs: number;
}

/** The senders take turns in so short steps, so that their bytes come evenly and not all at once. */
const stepMs = 20;

/** Sends the head of a request byte by byte, one on each connection in `everyMs`, until the other end has closed all of them, or the head is over. */
export async function trickle(sockets: readonly Socket[], path: string, everyMs: number): Promise<SlowSenders> {
  const begunAt = new Map<Socket, number>();
  let closedMs = 0;
  const answers = sockets.map(async (socket) => {
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
    });
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    closedMs = Math.max(closedMs, performance.now() - (begunAt.get(socket) ?? 0));
    return answer;
  });
  let isOver = false;
  const closed = Promise.all(answers).finally(() => {
    isOver = true;
  });
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(10_000)}`;
  const steps = Math.max(1, Math.round(everyMs / stepMs));
  for (let step = 0; !isOver && step < head.length * steps; step++) {
    const byte = head[Math.floor(step / steps)] ?? '';
    for (let i = step % steps; i < sockets.length; i += steps) {
      const socket = sockets[i];
      if (socket === undefined || socket.destroyed) continue;
      if (step < steps) begunAt.set(socket, performance.now());
      socket.write(byte);
    }
    await Promise.race([closed, sleep(everyMs / steps)]);
  }
  return { answers: await closed, closedMs };
}
