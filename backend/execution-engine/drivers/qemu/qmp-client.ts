import type { Duplex } from 'node:stream';
import { PlatformError } from '../../../../shared/errors.ts';
import { readLines } from '../support/guest/line-channel.ts';

/** For an answer, or for an event. */
interface Waiting {
  /** What is waited for, for messages. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  timer?: NodeJS.Timeout;
}

/** What QEMU sends (docs/interop/qmp-spec.txt): a greeting, answers, and events in between. */
interface QmpMessage {
  readonly QMP?: object;
  readonly return?: unknown;
  readonly error?: { readonly class?: unknown; readonly desc?: unknown };
  readonly event?: unknown;
  readonly id?: unknown;
}

const answerTimeoutMs = 10_000;

/**
 * QEMU's machine protocol over one stream. Answers are matched by id; anything else than what the protocol allows ends the stream. Commands may be given before
 * QEMU has begun: it takes them in order, and time runs from its greeting on.
 */
export class QmpClient {
  readonly #stream: Duplex;
  /** By the id of a command, or the name of an event. */
  readonly #waiting = new Map<number | string, Waiting>();
  #nextId = 1;
  #isGreeted = false;
  #isOver = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    readLines(
      stream,
      (line) => this.#receive(line),
      () => this.#over(),
    );
  }

  /** To be given before all other commands; resolves when QEMU takes them. Rejects as `execute` does. */
  async open(): Promise<void> {
    await this.execute('qmp_capabilities');
  }

  /** Rejects with `unavailable`: `vmm_refused` with what QEMU says, `vmm_slow` after 10 s, `vmm_lost`. */
  async execute(command: string, args?: object, timeoutMs = answerTimeoutMs): Promise<unknown> {
    const id = this.#nextId++;
    const answer = this.#waitFor(id, `answer ${command}`, timeoutMs);
    this.#stream.write(
      `${JSON.stringify({ execute: command, id, ...(args === undefined ? {} : { arguments: args }) })}\n`,
    );
    return await answer;
  }

  /** Resolves at the next event of this name, for example RESUME; one waits for it at a time. Rejects as `execute` does. */
  async event(name: string): Promise<void> {
    await this.#waitFor(name, `say ${name}`, answerTimeoutMs);
  }

  async #waitFor(key: number | string, what: string, timeoutMs: number): Promise<unknown> {
    if (this.#isOver) throw lost();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const waiting: Waiting = { what, timeoutMs, resolve, reject };
    this.#waiting.set(key, waiting);
    if (this.#isGreeted) limit(waiting);
    try {
      return await promise;
    } finally {
      clearTimeout(waiting.timer);
      this.#waiting.delete(key);
    }
  }

  #receive(line: string): void {
    if (line === '') return;
    const message = JSON.parse(line) as QmpMessage | null;
    if (typeof message !== 'object' || message === null) throw new Error('QEMU answers nonsense');
    if (message.QMP !== undefined) this.#greet();
    else if (typeof message.event === 'string') this.#waiting.get(message.event)?.resolve(undefined);
    else this.#settle(message);
  }

  #greet(): void {
    if (this.#isGreeted) return;
    this.#isGreeted = true;
    for (const waiting of this.#waiting.values()) limit(waiting);
  }

  #settle(message: QmpMessage): void {
    const waiting = this.#waiting.get(Number(message.id));
    if (message.error === undefined) waiting?.resolve(message.return);
    else {
      const said = String(message.error.desc).slice(0, 1000);
      waiting?.reject(new PlatformError('unavailable', 'vmm_refused', `QEMU did not ${waiting.what}: ${said}`));
    }
  }

  #over(): void {
    this.#isOver = true;
    for (const waiting of this.#waiting.values()) waiting.reject(lost());
  }
}

function limit(waiting: Waiting): void {
  const { what, timeoutMs } = waiting;
  waiting.timer = setTimeout(() => {
    waiting.reject(new PlatformError('unavailable', 'vmm_slow', `QEMU did not ${what} within ${timeoutMs} ms`));
  }, timeoutMs);
}

function lost(): PlatformError {
  return new PlatformError('unavailable', 'vmm_lost', 'QEMU has ended');
}
