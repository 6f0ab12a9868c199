import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { PreparedImage } from '../../backend/core/ports/isolation-driver.ts';
import type { FakeBody } from '../../backend/execution-engine/drivers/fake/fake-script.ts';

interface Reply {
  readonly value?: unknown;
  readonly error?: { readonly code: string | null; readonly message: string };
}

/** What a command inside the sandbox failed with; `code` is an errno name where there is one. */
class BodyError extends Error {
  readonly code: string | null;

  constructor(error: { readonly code: string | null; readonly message: string }) {
    super(error.message);
    this.code = error.code;
  }
}

/** The host side of tests/fixtures/drivers/body.cjs: one command at a time, one reply line each. */
export class BodyClient {
  readonly channel: Duplex;
  readonly #replies: Reply[] = [];
  readonly #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = [];
  #buffered = '';
  #over = false;

  constructor(channel: Duplex) {
    this.channel = channel;
    channel.on('data', this.#onData);
    for (const event of ['end', 'close', 'error'] as const) channel.on(event, this.#onEnd);
  }

  /** Resolves when the program inside has started. */
  async ready(): Promise<void> {
    await this.#reply();
  }

  async command(op: string, args: Record<string, unknown> = {}): Promise<unknown> {
    this.channel.write(`${JSON.stringify({ op, ...args })}\n`);
    return await this.#reply();
  }

  /** Sends bytes and waits for as many; the program must have been told `raw-echo`. */
  async echo(bytes: Buffer): Promise<Buffer> {
    this.channel.off('data', this.#onData);
    const received: Buffer[] = [];
    let length = 0;
    return await new Promise((resolve, reject) => {
      this.channel.on('error', reject);
      this.channel.on('data', (chunk: Buffer) => {
        received.push(chunk);
        length += chunk.length;
        if (length >= bytes.length) resolve(Buffer.concat(received));
      });
      this.channel.write(bytes);
    });
  }

  async #reply(): Promise<unknown> {
    const reply =
      this.#replies.shift() ??
      (await new Promise<Reply>((resolve, reject) => {
        if (this.#over) reject(new Error('the channel is over'));
        this.#waiting.push({ resolve, reject });
      }));
    if (reply.error !== undefined) throw new BodyError(reply.error);
    return reply.value;
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#buffered += chunk.toString('utf8');
    for (let end = this.#buffered.indexOf('\n'); end >= 0; end = this.#buffered.indexOf('\n')) {
      const reply = JSON.parse(this.#buffered.slice(0, end)) as Reply;
      this.#buffered = this.#buffered.slice(end + 1);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#replies.push(reply);
      else waiting.resolve(reply);
    }
  };

  readonly #onEnd = (): void => {
    this.#over = true;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(new Error('the channel is over'));
  };
}

/** What body.cjs does, for sandboxes without a process: the operations that make sense there. */
export function fakeBodyAgent(channel: Duplex, body: FakeBody): void {
  const operations: Record<string, (args: Record<string, string & number>) => unknown> = {
    tick: () => Date.now(),
    print: ({ stream, text, base64 }) => {
      const raw = base64 === undefined ? text : Buffer.from(base64 ?? '', 'base64').toString('utf8');
      body.print(stream === 'stderr' ? 'stderr' : 'stdout', (raw ?? '').replace(/\n$/, ''));
      return true;
    },
    exit: ({ code }) => body.exit(code ?? 0),
    kill: ({ signal }) => body.kill(signal ?? 'SIGKILL'),
    'raw-echo': () => {
      channel.removeAllListeners('data');
      channel.on('data', (data: Buffer) => channel.write(data));
      return true;
    },
  };
  let buffered = '';
  channel.on('data', (chunk: Buffer) => {
    buffered += chunk.toString('utf8');
    for (let end = buffered.indexOf('\n'); end >= 0; end = buffered.indexOf('\n')) {
      const { op, ...args } = JSON.parse(buffered.slice(0, end)) as { op: string } & Record<string, string & number>;
      buffered = buffered.slice(end + 1);
      const value = operations[op]?.(args) ?? null;
      if (!channel.writableEnded) channel.write(`${JSON.stringify({ value })}\n`);
    }
  });
  channel.write('{"value":"ready"}\n');
}

/** A folder of files below `directory`, as the builder would leave it for a driver. */
export function makeImage(directory: string, files: Record<string, string>): PreparedImage {
  const place = mkdtempSync(join(directory, 'image-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(place, path, '..'), { recursive: true });
    // Unreadable for others on purpose: the driver has to make it readable inside.
    writeFileSync(join(place, path), text, { mode: 0o600 });
  }
  return { digest: 'digest' as never, directory: place, sizeBytes: 1, fileCount: Object.keys(files).length };
}
