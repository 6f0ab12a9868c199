import type { Duplex } from 'node:stream';
import { PlatformError } from '../../../../shared/errors.ts';
import { readLines } from '../support/guest/line-channel.ts';

interface Waiting {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
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

/** QEMU's machine protocol over one stream. Answers are matched by id; anything else than what the protocol allows ends the stream. */
export class QmpClient {
  readonly #stream: Duplex;
  readonly #onEvent: (name: string) => void;
  readonly #waiting = new Map<number, Waiting>();
  readonly #greeted = Promise.withResolvers<void>();
  #nextId = 1;
  #isOver = false;

  /** `onEvent` gets the names of events, for example GUEST_PANICKED; it must not throw. */
  constructor(stream: Duplex, onEvent: (name: string) => void) {
    this.#stream = stream;
    this.#onEvent = onEvent;
    this.#greeted.promise.catch(() => undefined);
    readLines(
      stream,
      (line) => this.#receive(line),
      () => this.#over(),
    );
  }

  /** Resolves when commands may be given. Rejects with `unavailable` (`vmm_lost`) when QEMU ends before. */
  async open(): Promise<void> {
    await this.#greeted.promise;
    await this.execute('qmp_capabilities');
  }

  /** Rejects with `unavailable`: `vmm_refused` with what QEMU says, `vmm_slow` after 10 s, `vmm_lost`. */
  async execute(command: string, args?: object, timeoutMs = answerTimeoutMs): Promise<unknown> {
    if (this.#isOver) throw lost();
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { command, resolve, reject });
    const timer = setTimeout(() => {
      this.#waiting.delete(id);
      reject(new PlatformError('unavailable', 'vmm_slow', `QEMU did not answer ${command} within ${timeoutMs} ms`));
    }, timeoutMs);
    this.#stream.write(
      `${JSON.stringify({ execute: command, id, ...(args === undefined ? {} : { arguments: args }) })}\n`,
    );
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #receive(line: string): void {
    if (line === '') return;
    const message = JSON.parse(line) as QmpMessage | null;
    if (typeof message !== 'object' || message === null) throw new Error('QEMU answers nonsense');
    if (message.QMP !== undefined) this.#greeted.resolve();
    else if (typeof message.event === 'string') this.#onEvent(message.event);
    else this.#settle(message);
  }

  #settle(message: QmpMessage): void {
    const waiting = this.#waiting.get(Number(message.id));
    if (waiting === undefined) return;
    this.#waiting.delete(Number(message.id));
    if (message.error === undefined) waiting.resolve(message.return);
    else {
      const said = String(message.error.desc).slice(0, 1000);
      waiting.reject(new PlatformError('unavailable', 'vmm_refused', `QEMU refused ${waiting.command}: ${said}`));
    }
  }

  #over(): void {
    this.#isOver = true;
    this.#greeted.reject(lost());
    for (const waiting of this.#waiting.values()) waiting.reject(lost());
    this.#waiting.clear();
  }
}

function lost(): PlatformError {
  return new PlatformError('unavailable', 'vmm_lost', 'QEMU has ended');
}
