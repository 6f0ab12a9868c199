import { PassThrough } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PlatformError } from '../../shared/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import { callerOf } from './caller.ts';

export interface EventStreamsOptions {
  readonly clock: Clock;
  /** Whether the caller of a request may still do what it does. Asked now and then of every open stream. */
  readonly isAllowed: (request: FastifyRequest) => boolean;
  /** A comment this often keeps proxies from closing a quiet stream. 15,000 when left out. */
  readonly pingMs?: number;
  /** What the client is told to wait before it connects again. 2,000 when left out. */
  readonly retryMs?: number;
  /** How often `isAllowed` is asked. 5,000 when left out. */
  readonly checkMs?: number;
  /** Open streams of one token or user. 256 when left out. */
  readonly maxPerCaller?: number;
  /** Open streams of one address. 512 when left out: many people may come through one proxy. */
  readonly maxPerAddress?: number;
}

/** Bytes that may wait for a slow reader before events are skipped. */
const maxBufferedBytes = 256 * 1024;
/** A reader that takes nothing for so long is given up. */
const maxBlockedMs = 60_000;

/**
 * One server-sent event stream. A reader that cannot follow loses events and is told how many (`event: skipped`); it never
 * makes the platform hold more than 256 KiB.
 */
export class EventStream {
  readonly #body = new PassThrough({ highWaterMark: maxBufferedBytes });
  readonly #onClose: (() => void)[] = [];
  readonly #onCheck: (() => void)[] = [];
  readonly #clock: Clock;
  readonly #pingMs: number;
  #skipped = 0;
  #cancelPing: () => void = () => undefined;
  #blockedAt: number | undefined;

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

  /** The buffer is full: what is written now makes it grow. */
  get isBlocked(): boolean {
    return this.#body.writableNeedDrain;
  }

  /** Runs whenever a full buffer has been read. */
  onDrain(run: () => void): void {
    this.#body.on('drain', run);
  }

  /** Runs when the client is gone or the stream has ended. */
  onClose(run: () => void): void {
    if (this.#body.destroyed) run();
    else this.#onClose.push(run);
  }

  /** Runs now and then, after it is known that the caller may still be here. */
  onCheck(run: () => void): void {
    this.#onCheck.push(run);
  }

  /** Sends an event, or counts it as skipped. `data` is sent as one line of JSON. */
  send(event: string, id: string | undefined, data: unknown): void {
    if (this.isClosed) return;
    if (this.isBlocked) {
      this.#skipped++;
      return;
    }
    if (this.#skipped > 0) {
      const skipped = this.#skipped;
      this.#skipped = 0;
      this.write('skipped', undefined, JSON.stringify({ skipped }));
    }
    this.write(event, id, JSON.stringify(data));
  }

  /** Sends an event, whether the reader keeps up or not: look at `isBlocked` first. `json` is one line. */
  write(event: string, id: string | undefined, json: string): void {
    if (this.isClosed) return;
    const idLine = id === undefined ? '' : `id: ${id}\n`;
    this.#body.write(`${idLine}event: ${event}\ndata: ${json}\n\n`);
  }

  /** Counts events that were lost before they came here. */
  noteSkipped(count: number): void {
    this.#skipped += count;
  }

  /** Gives up a reader that has taken nothing for a minute, and asks those who feed the stream to look after it. */
  check(): void {
    const now = this.#clock.monotonic();
    this.#blockedAt = this.isBlocked ? (this.#blockedAt ?? now) : undefined;
    if (this.#blockedAt !== undefined && now - this.#blockedAt >= maxBlockedMs) this.#body.destroy();
    if (this.isClosed) return;
    for (const run of this.#onCheck) run();
  }

  end(): void {
    this.#cancelPing();
    this.#body.end();
  }

  #ping(): void {
    this.#cancelPing = this.#clock.after(this.#pingMs, () => {
      if (this.isClosed) return;
      if (!this.isBlocked) this.#body.write(': ping\n\n');
      this.#ping();
    });
  }
}

/** How many streams are open, by who opened them. */
class Holders {
  readonly #counts = new Map<string, number>();

  count(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string, change: 1 | -1): void {
    const count = this.count(key) + change;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }
}

/** Opens event streams, ends those whose callers may not be here any more, and all when the server closes. */
export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #open = new Map<EventStream, FastifyRequest>();
  readonly #callers = new Holders();
  readonly #addresses = new Holders();
  #cancelCheck: (() => void) | undefined;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Answers a request with an event stream; the caller sends events until `onClose`. Throws `throttled`/`too_many_streams`. */
  open(request: FastifyRequest, reply: FastifyReply): EventStream {
    const { clock, pingMs = 15_000, retryMs = 2000, maxPerCaller = 256, maxPerAddress = 512 } = this.#options;
    const { id } = callerOf(request);
    const { ip } = request;
    if (this.#callers.count(id) >= maxPerCaller) throw tooMany(maxPerCaller, 'of this token or user');
    if (this.#addresses.count(ip) >= maxPerAddress) throw tooMany(maxPerAddress, 'from this address');
    const stream = new EventStream(clock, pingMs, retryMs);
    this.#open.set(stream, request);
    this.#callers.add(id, 1);
    this.#addresses.add(ip, 1);
    stream.onClose(() => {
      this.#open.delete(stream);
      this.#callers.add(id, -1);
      this.#addresses.add(ip, -1);
      if (this.#open.size === 0) this.#disarm();
    });
    this.#arm();
    reply.header('content-type', 'text/event-stream; charset=utf-8');
    reply.header('cache-control', 'no-store');
    reply.header('x-accel-buffering', 'no');
    reply.header('connection', 'close');
    return stream;
  }

  closeAll(): void {
    this.#disarm();
    for (const stream of this.#open.keys()) stream.end();
  }

  #arm(): void {
    const { clock, checkMs = 5000 } = this.#options;
    this.#cancelCheck ??= clock.after(checkMs, () => {
      this.#cancelCheck = undefined;
      this.#check();
      if (this.#open.size > 0) this.#arm();
    });
  }

  #disarm(): void {
    this.#cancelCheck?.();
    this.#cancelCheck = undefined;
  }

  #check(): void {
    for (const [stream, request] of [...this.#open]) {
      if (this.#options.isAllowed(request)) stream.check();
      else stream.end();
    }
  }
}

function tooMany(most: number, whose: string): PlatformError {
  const message = `at most ${most} event streams ${whose} at a time; close some`;
  return new PlatformError('throttled', 'too_many_streams', message, { retryAfterSeconds: 5 });
}
