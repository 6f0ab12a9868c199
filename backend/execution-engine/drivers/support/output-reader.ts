import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { OutputLine } from '../../../core/ports/sandbox.ts';
import { LineSplitter } from './line-splitter.ts';

/** How much of a sandbox's raw output is kept. The limit is a rate, so nothing needs to be reset between invocations. */
export interface OutputLimits {
  readonly maxLineBytes: number;
  /** So much at once is kept … */
  readonly burstBytes: number;
  /** … and so much per second in the long run. */
  readonly keptBytesPerSecond: number;
  /** Over the limit one chunk (64 KiB at most) is read and dropped per interval: a writer is slowed, never stuck for ever. */
  readonly trickleIntervalMs: number;
  /** Lines that wait for the reader of `output()`; more are dropped as if over the limit. */
  readonly maxQueuedBytes: number;
}

export const defaultOutputLimits: OutputLimits = {
  maxLineBytes: 16 * 1024,
  burstBytes: 1024 * 1024,
  keptBytesPerSecond: 128 * 1024,
  trickleIntervalMs: 50,
  maxQueuedBytes: 1024 * 1024,
};

type Waiter = (result: IteratorResult<OutputLine, undefined>) => void;

/** Costs of a line beyond its text, so that a flood of empty lines is bounded as well. */
const lineOverheadBytes = 64;
const overPatienceMs = 500;

/**
 * Turns the raw stdout and stderr of one sandbox into lines, within the limits. Lines of one stream are in order. After dropping, the
 * next line that is kept says so (`truncated`); when nothing follows, an empty last line does.
 */
export class OutputReader implements AsyncIterable<OutputLine> {
  readonly #limits: OutputLimits;
  readonly #onLine: (line: OutputLine) => void;
  readonly #queue: OutputLine[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #sources = new Set<Readable>();
  #writersGone = false;
  #queuedBytes = 0;
  #tokens: number;
  #refilledAt = performance.now();
  readonly #over = Promise.withResolvers<void>();
  #openStreams = 0;
  #ended = false;
  #dropping = false;
  #waiter: Waiter | undefined;

  /** `onLine` sees every kept line as it is read, whether or not somebody iterates. */
  constructor(limits: OutputLimits = defaultOutputLimits, onLine: (line: OutputLine) => void = () => undefined) {
    this.#limits = limits;
    this.#onLine = onLine;
    this.#tokens = limits.burstBytes;
  }

  /** Reads `source` from now on. Call for all streams before the first ends. */
  attach(stream: OutputLine['stream'], source: Readable): void {
    this.#openStreams++;
    this.#sources.add(source);
    const splitter = new LineSplitter({
      maxLineBytes: this.#limits.maxLineBytes,
      onLine: (text, cut) => this.#line(stream, text, cut),
    });
    source.on('data', (chunk: Buffer) => {
      this.#chunk(source, splitter, chunk);
      giveBack(source, chunk);
    });
    source.on('error', () => source.destroy());
    source.once('close', () => {
      splitter.end();
      if (this.#dropping) this.#enqueue(stream, '', true);
      this.#dropping = false;
      if (--this.#openStreams === 0) this.end();
    });
  }

  /** Resolves when all streams have closed: no line is read after that. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** Resolves as `over`, or after half a second: who left the sandbox may hold a stream open for ever. */
  async almostOver(): Promise<void> {
    await Promise.race([this.over, delay(overPatienceMs, undefined, { ref: false })]);
  }

  /** Nobody writes any more: what is left in the pipes is read to the end without waiting. Resolves as `almostOver`. */
  async finish(): Promise<void> {
    this.#writersGone = true;
    for (const source of this.#sources) source.resume();
    await this.almostOver();
  }

  /** One line that does not come from a stream. */
  push(stream: OutputLine['stream'], text: string): void {
    this.#line(stream, text, false);
  }

  /** No more lines. Happens by itself when all attached streams have closed. */
  end(): void {
    this.#ended = true;
    this.#over.resolve();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    if (this.#queue.length === 0) this.#settle({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterator<OutputLine, undefined> {
    return {
      next: () => this.#next(),
      return: () => Promise.resolve({ done: true, value: undefined }),
    };
  }

  #chunk(source: Readable, splitter: LineSplitter, chunk: Buffer): void {
    this.#refill();
    if (this.#tokens > 0 && this.#queuedBytes < this.#limits.maxQueuedBytes) {
      this.#tokens -= chunk.length;
      splitter.push(chunk);
      return;
    }
    this.#dropping = true;
    splitter.reset();
    if (this.#writersGone) return;
    source.pause();
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      source.resume();
    }, this.#limits.trickleIntervalMs);
    timer.unref();
    this.#timers.add(timer);
  }

  #refill(): void {
    const now = performance.now();
    const gained = ((now - this.#refilledAt) / 1000) * this.#limits.keptBytesPerSecond;
    this.#refilledAt = now;
    this.#tokens = Math.min(this.#limits.burstBytes, this.#tokens + gained);
  }

  #line(stream: OutputLine['stream'], text: string, cut: boolean): void {
    if (this.#queuedBytes >= this.#limits.maxQueuedBytes) {
      this.#dropping = true;
      return;
    }
    this.#enqueue(stream, text, cut || this.#dropping);
    this.#dropping = false;
  }

  #enqueue(stream: OutputLine['stream'], text: string, truncated: boolean): void {
    const line = { stream, text, atMs: Date.now(), truncated };
    this.#onLine(line);
    if (this.#settle({ done: false, value: line })) return;
    this.#queuedBytes += text.length + lineOverheadBytes;
    this.#queue.push(line);
  }

  #next(): Promise<IteratorResult<OutputLine, undefined>> {
    const line = this.#queue.shift();
    if (line !== undefined) {
      this.#queuedBytes -= line.text.length + lineOverheadBytes;
      return Promise.resolve({ done: false, value: line });
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiter = resolve;
    });
  }

  #settle(result: IteratorResult<OutputLine, undefined>): boolean {
    const waiter = this.#waiter;
    if (waiter === undefined) return false;
    this.#waiter = undefined;
    waiter(result);
    return true;
  }
}

/**
 * What a socket reads is in up to 64 KiB of its own, which nobody holds after this reader: given back at once, instead of some hundred times as much waiting for
 * a collection.
 */
function giveBack(source: Readable, { buffer, byteLength }: Buffer): void {
  if (source instanceof Socket && buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0);
}
