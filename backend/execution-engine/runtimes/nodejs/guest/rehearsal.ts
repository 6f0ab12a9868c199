import type { Socket } from 'node:net';
import { type ChannelStream, DuplexStream, pipeBeneath } from './channel-stream.ts';
import type { HttpMeta, InitMessage } from './messages.ts';
import { cancelTimer, joinBytes, monotonic, startTimer, stringifyJson } from './originals.ts';
import { FrameReader, FrameWriter, flagEnd, frameTypes } from './wire.ts';

/** Makes an agent at the end of this stream, which must not end the process. */
export type ConnectAgent = (stream: ChannelStream) => unknown;

const callsPerLife = 3;
/** A step takes a millisecond or two; in an emulated guest on a busy host hundreds. Of all lives together: who waits for a snapshot waits for them. */
const allStepsMs = 8000;
/** Of the step at work, once the real life is due. */
const hurriedStepMs = 500;
const traceparent = `00-${'0'.repeat(31)}1-${'0'.repeat(15)}1-00`;
const common = { invocationId: 'rehearsal', deadlineMs: 0, attempt: 1, trigger: 'api', depth: 0, traceparent };
const eventMeta = stringifyJson({ ...common, kind: 'event' }) ?? '';
const httpMeta =
  stringifyJson({
    ...common,
    kind: 'http',
    method: 'GET',
    target: '/?a=b',
    headers: ['accept', '*/*'],
    clientAddress: '',
    scheme: 'http',
    host: 'localhost',
    params: {},
  } satisfies HttpMeta) ?? '';

const initMessage = (codeDirectory: string): InitMessage => ({
  functionName: 'rehearsal',
  functionVersion: 0,
  handler: 'index.handler',
  codeDirectory,
  env: {},
  memoryLimitMb: 0,
  concurrency: 1,
  initTimeoutMs: 0,
  maxResponseBytes: 1024,
  logLimitBytes: 0,
  logLineBytes: 0,
});

/** What a version is, in the two forms that a file may have. */
const sources: Readonly<Record<string, string>> = {
  'index.mjs': "export const handler = async () => ({ statusCode: 200, body: 'x' });",
  'index.cjs': "exports.handler = async () => ({ statusCode: 200, body: 'x' });",
};

/** How long rehearsals may take, from the first step on. */
export class Patience {
  #until: number | undefined;
  readonly #endings = new Set<() => void>();

  /** From now on no step may take longer than half a second: an INIT in earnest waits for the one that is at work. */
  hurry(): void {
    startTimer(() => {
      for (const end of this.#endings) end();
    }, hurriedStepMs).unref();
  }

  /** A step; rejects when `start` settles neither way in time. */
  within<T>(start: (resolve: (value: T) => void, reject: (error: Error) => void) => void): Promise<T> {
    const now = monotonic();
    this.#until ??= now + allStepsMs;
    const leftMs = this.#until - now;
    return new Promise<T>((resolve, reject) => {
      const end = () => settled(reject)(new Error('the rehearsal took too long'));
      const timer = startTimer(end, leftMs);
      this.#endings.add(end);
      const settled =
        <V>(settle: (value: V) => void) =>
        (value: V) => {
          cancelTimer(timer);
          this.#endings.delete(end);
          settle(value);
        };
      start(settled(resolve), settled(reject));
    });
  }
}

/**
 * A whole life of an agent beside the real one: a version is loaded and called, and every byte goes the way that it will go in earnest, so that V8
 * has compiled all of it and Node's loaders are ready. Leaves no files; sets the variables and `process.argv` that INIT sets anew.
 * Rejects where that cannot be had, at the latest when `patience` is over.
 */
export async function rehearseLife(
  connect: ConnectAgent,
  file: keyof typeof sources,
  patience: Patience,
): Promise<void> {
  const fs = process.getBuiltinModule('node:fs');
  const path = process.getBuiltinModule('node:path');
  const cwd = process.cwd();
  let host: RehearsalHost | undefined;
  const folder = fs.mkdtempSync(path.join(process.env['TMPDIR'] ?? '/tmp', 'hearth-'));
  try {
    fs.writeFileSync(path.join(folder, file), sources[file] ?? '');
    host = await RehearsalHost.open(path.join(folder, 'host'), connect, patience);
    await host.send(frameTypes.ready, (to) => to.text(frameTypes.init, 0, 0, stringifyJson(initMessage(folder)) ?? ''));
    for (let id = 1; id <= callsPerLife * 2; id++) {
      const meta = id % 2 === 0 ? httpMeta : eventMeta;
      await host.send(frameTypes.response, (to) => to.meta(frameTypes.invoke, flagEnd, id, meta, ''));
    }
  } finally {
    host?.close();
    process.chdir(cwd);
    fs.rmSync(folder, { recursive: true, force: true });
    delete process.getBuiltinModule('node:module').createRequire('/').cache[path.join(folder, file)];
  }
}

/** The kind of stream that a real agent has, so that it is rehearsed too. */
function streamOn(socket: Socket): ChannelStream {
  try {
    return pipeBeneath(socket);
  } catch {
    return new DuplexStream(socket);
  }
}

/** The host's end of a socket that stays in this process. */
class RehearsalHost {
  readonly #writer = new FrameWriter();
  readonly #own: Socket;
  readonly #agents: Socket;
  readonly #patience: Patience;
  #expected = 0;
  #settle: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  private constructor(own: Socket, agents: Socket, patience: Patience) {
    this.#own = own;
    this.#agents = agents;
    this.#patience = patience;
    const reader = new FrameReader((type) => {
      if (type === this.#expected) this.#settle?.resolve();
      else if (type === frameTypes.error) this.#settle?.reject(new Error('the rehearsal failed'));
    });
    own.on('data', (bytes: Buffer) => reader.push(bytes));
    const broken = () => this.#settle?.reject(new Error('the socket ended'));
    own.on('error', broken);
    own.on('close', broken);
  }

  /** Rejects where there are no Unix sockets. */
  static open(path: string, connect: ConnectAgent, patience: Patience): Promise<RehearsalHost> {
    const net = process.getBuiltinModule('node:net');
    const server = net.createServer();
    let agents: Socket | undefined;
    const opened = patience.within<RehearsalHost>((resolve, reject) => {
      server.on('error', reject);
      const accepted = new Promise<Socket>((accept) => server.once('connection', accept));
      server.listen(path, () => {
        const socket = net.connect(path, () => {
          connect(streamOn(socket));
          void accepted.then((own) => resolve(new RehearsalHost(own, socket, patience)));
        });
        agents = socket;
        socket.on('error', reject);
      });
    });
    opened.catch(() => agents?.destroy());
    return opened.finally(() => server.close());
  }

  /** Sends what `write` writes; resolves when a frame of this type comes back. */
  send(expected: number, write: (to: FrameWriter) => void): Promise<void> {
    write(this.#writer);
    return this.#patience.within((resolve, reject) => {
      this.#expected = expected;
      this.#settle = { resolve, reject };
      this.#own.write(joinBytes(this.#writer.take()));
      this.#writer.recycle();
    });
  }

  /** Nothing that is still on its way to the agent arrives. */
  close(): void {
    this.#settle = undefined;
    this.#agents.destroy();
    this.#own.destroy();
  }
}
