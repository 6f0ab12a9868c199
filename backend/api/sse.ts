import { PassThrough } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Clock } from '../core/ports/clock.ts';

export interface EventStreamsOptions {
  readonly clock: Clock;
  /** A comment this often keeps proxies from closing a quiet stream. 15,000 when left out. */
  readonly pingMs?: number;
  /** What the client is told to wait before it connects again. 2,000 when left out. */
  readonly retryMs?: number;
}

/** Bytes that may wait for a slow reader before events are skipped. */
const maxBufferedBytes = 256 * 1024;

/**
 * One server-sent event stream. A reader that cannot follow loses events and is told how many (`event: skipped`); it never
 * makes the platform hold more than 256 KiB.
 */
export class EventStream {
  readonly #body = new PassThrough({ highWaterMark: maxBufferedBytes });
  readonly #onClose: (() => void)[] = [];
  readonly #clock: Clock;
  readonly #pingMs: number;
  #skipped = 0;
  #cancelPing: () => void = () => undefined;

  constructor(clock: Clock, pingMs: number, retryMs: number) {
    this.#clock = clock;
    this.#pingMs = pingMs;
    this.#body.write(`retry: ${retryMs}\n\n`);
    this.#body.on('error', () => undefined);
    this.#body.once('close', () => {
      this.#cancelPing();
      for (const run of this.#onClose) run();
    });
    this.#ping();
  }

  get body(): PassThrough {
    return this.#body;
  }

  get isClosed(): boolean {
    return this.#body.destroyed || this.#body.writableEnded;
  }

  /** Runs when the client is gone or the stream has ended. */
  onClose(run: () => void): void {
    if (this.#body.destroyed) run();
    else this.#onClose.push(run);
  }

  /** Sends an event, or counts it as skipped. `data` is sent as one line of JSON. */
  send(event: string, id: string | undefined, data: unknown): void {
    if (this.isClosed) return;
    if (this.#body.writableNeedDrain) {
      this.#skipped++;
      return;
    }
    if (this.#skipped > 0) {
      const skipped = this.#skipped;
      this.#skipped = 0;
      this.#body.write(`event: skipped\ndata: ${JSON.stringify({ skipped })}\n\n`);
    }
    const idLine = id === undefined ? '' : `id: ${id}\n`;
    this.#body.write(`${idLine}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** Counts events that were lost before they came here. */
  noteSkipped(count: number): void {
    this.#skipped += count;
  }

  end(): void {
    this.#cancelPing();
    this.#body.end();
  }

  #ping(): void {
    this.#cancelPing = this.#clock.after(this.#pingMs, () => {
      if (this.isClosed) return;
      if (!this.#body.writableNeedDrain) this.#body.write(': ping\n\n');
      this.#ping();
    });
  }
}

/** Opens event streams, and ends them all when the server closes. */
export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #open = new Set<EventStream>();

  constructor(options: EventStreamsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Answers a request with an event stream; the caller sends events until `onClose`. */
  open(reply: FastifyReply): EventStream {
    const { clock, pingMs = 15_000, retryMs = 2000 } = this.#options;
    const stream = new EventStream(clock, pingMs, retryMs);
    this.#open.add(stream);
    stream.onClose(() => this.#open.delete(stream));
    reply.header('content-type', 'text/event-stream; charset=utf-8');
    reply.header('cache-control', 'no-store');
    reply.header('x-accel-buffering', 'no');
    reply.header('connection', 'close');
    return stream;
  }

  closeAll(): void {
    for (const stream of this.#open) stream.end();
  }
}
