import { Worker } from 'node:worker_threads';
import { PlatformError } from '../../../shared/errors.ts';
import type { SqlValue, Step, StepResult } from '../sql-session.ts';
import type { ThreadOptions, WireFromThread, WireReply, WireRequest, WireStep } from './protocol.ts';
import { folderInUse, isFatal, platformErrorOf } from './sqlite-errors.ts';

export interface WorkerChannelOptions {
  readonly workerUrl: URL;
  readonly thread: ThreadOptions;
  /** Nothing can be written any more: the flush to disk failed, or the thread is gone. Called once. */
  readonly onFatal: (error: PlatformError) => void;
}

interface Waiter {
  readonly resolve: (results: readonly StepResult[]) => void;
  readonly reject: (error: PlatformError) => void;
}

type Op = WireRequest['op'];

/** Statements beyond this many different ones travel as text: they were put together for one use. */
const maxNumberedStatements = 1000;

/** This side of a database thread: collects the requests of a turn of the event loop into one message. */
export class WorkerChannel {
  readonly #worker: Worker;
  readonly #path: string;
  readonly #onFatal: (error: PlatformError) => void;
  readonly #numbers = new Map<string, number>();
  readonly #waiters = new Map<number, Waiter>();
  #announced: (readonly [number, string])[] = [];
  #outgoing: WireRequest[] = [];
  #lastId = 0;
  #ended: PlatformError | undefined;
  #isClosed = false;
  #isOpen = false;

  private constructor(options: WorkerChannelOptions) {
    // Nothing of our environment or flags is needed there.
    this.#worker = new Worker(options.workerUrl, { workerData: options.thread, env: {}, execArgv: [] });
    this.#path = options.thread.path;
    this.#onFatal = options.onFatal;
  }

  /** Starts the thread and waits until the database is open. Rejects when it cannot be opened. */
  static async open(options: WorkerChannelOptions): Promise<WorkerChannel> {
    const channel = new WorkerChannel(options);
    await channel.#opened();
    return channel;
  }

  #opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#worker.on('message', (message: WireFromThread) => {
        if (message.kind === 'replies') {
          this.#settle(message.replies);
        } else if (message.kind === 'opened') {
          this.#isOpen = true;
          this.#worker.unref();
          resolve();
        } else {
          reject(refusal(message, this.#path));
        }
      });
      const end = (cause: Error | undefined) => {
        reject(threadEnded(this.#path, cause));
        if (this.#isOpen) this.#end(cause);
      };
      this.#worker.on('error', end);
      this.#worker.on('exit', () => end(undefined));
    });
  }

  /** Runs the steps as a unit (a group commit's share, or a read); `tx` inside the transaction that is open. */
  run(steps: readonly Step[], op: 'unit' | 'tx' = 'unit'): Promise<readonly StepResult[]> {
    return this.#send((id) => ({ op, id, steps: steps.map((step) => this.#wireStep(step)) }));
  }

  control(op: Exclude<Op, 'unit' | 'tx'>): Promise<readonly StepResult[]> {
    return this.#send((id) => ({ op, id }));
  }

  /** Finishes what was asked before, closes the database and ends the thread. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#ended !== undefined) {
      await this.#worker.terminate();
      return;
    }
    const exited = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    const closed = this.control('close');
    this.#ended = new PlatformError('unavailable', 'storage_closed', 'The database is closed: Hearth is stopping.');
    try {
      await closed;
    } finally {
      this.#worker.ref();
      await exited;
    }
  }

  #send(make: (id: number) => WireRequest): Promise<readonly StepResult[]> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    if (this.#outgoing.length === 0) setImmediate(() => this.#flush());
    this.#outgoing.push(make(id));
    if (this.#waiters.size === 0) this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiters.set(id, { resolve, reject });
    });
  }

  #flush(): void {
    const message = { statements: this.#announced, requests: this.#outgoing };
    this.#announced = [];
    this.#outgoing = [];
    this.#worker.postMessage(message);
  }

  #wireStep(step: Step): WireStep {
    let statement: number | string | undefined = this.#numbers.get(step.sql);
    if (statement === undefined) {
      statement = step.sql;
      if (this.#numbers.size < maxNumberedStatements) {
        statement = this.#numbers.size;
        this.#numbers.set(step.sql, statement);
        this.#announced.push([statement, step.sql]);
      }
    }
    return [statement, step.parameters.map(transferable), step.skipWhenNone];
  }

  #settle(replies: readonly WireReply[]): void {
    for (const reply of replies) {
      const waiter = this.#waiters.get(reply.id);
      this.#waiters.delete(reply.id);
      if (waiter === undefined) continue;
      if ('results' in reply) {
        waiter.resolve(reply.results);
        continue;
      }
      const error = platformErrorOf(reply.error, this.#path);
      waiter.reject(error);
      if (isFatal(error)) this.#fail(error);
    }
    if (this.#waiters.size === 0) this.#worker.unref();
  }

  #end(cause: Error | undefined): void {
    const error = threadEnded(this.#path, cause);
    const isUnexpected = this.#ended === undefined || this.#waiters.size > 0;
    for (const waiter of this.#waiters.values()) waiter.reject(error);
    this.#waiters.clear();
    if (isUnexpected) this.#fail(error);
  }

  #fail(error: PlatformError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#onFatal(error);
  }
}

/**
 * A view into a larger buffer would travel with all of it: Node cuts small Buffers out of shared blocks of 8 KiB and
 * bodies out of what a socket read.
 */
function transferable(value: SqlValue): SqlValue {
  if (!(value instanceof Uint8Array) || value.byteLength === value.buffer.byteLength) return value;
  return new Uint8Array(value);
}

function refusal(
  { error, holder }: Extract<WireFromThread, { readonly kind: 'refused' }>,
  path: string,
): PlatformError {
  return holder !== undefined && error.code === 'SQLITE_BUSY'
    ? folderInUse(path, holder)
    : platformErrorOf(error, path);
}

function threadEnded(path: string, cause: Error | undefined): PlatformError {
  return new PlatformError(
    'unavailable',
    'storage_failed',
    `The thread that writes ${path} ended; restart Hearth and look at its log.`,
    cause === undefined ? {} : { cause },
  );
}
