import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { PlatformError } from '../../../../../shared/errors.ts';
import { type GuestTransport, goOnBytes } from './guest-init.ts';
import { settleEntropyBytes } from './guest-programs.ts';
import { readLines } from './line-channel.ts';

/** What init tells about the function's control group. The guest could lie; it is shown, and nothing is decided by it. */
export interface GuestUsage {
  readonly memoryBytes: number;
  readonly peakMemoryBytes: number;
  readonly pids: number;
  readonly cpuMs: number;
}

export interface GuestControlEvents {
  /** The agent ended with this status of wait(2) as a shell shows it; so many processes were killed for lack of memory. */
  exited(status: number, oomKills: number): void;
}

const answerTimeoutMs = 5000;
const maxLateMs = 250;
const maxSettleAgain = 2;
/** What answers with another word than the request's belong to. */
const requests: Readonly<Record<string, string>> = { settled: 'settle', frozen: 'freeze' };
const nanosecondsPerSecond = 1_000_000_000n;

/** The host's end of the control port (support/guest/guest-init.ts). Lines that are no part of the protocol are ignored. */
export class GuestControl {
  readonly #stream: Duplex;
  readonly #events: GuestControlEvents;
  readonly #started = Promise.withResolvers<void>();
  readonly #answers = new Map<
    string,
    { resolve: (words: readonly string[]) => void; reject: (error: Error) => void }
  >();
  #requests: Promise<unknown> = Promise.resolve();
  /** The time to tell in place of now. */
  #toldMs: number | undefined;
  /** performance.now() when a time was told last. */
  #toldAt = 0;
  #isFrozen: boolean;
  readonly #transport: GuestTransport;
  /** The program that let the guest go on stays between it and init until a request is init's (`goOnBytes`). */
  #goesOn = false;
  #isOver = false;

  /** `isRestored`: init has started the agent long ago. */
  constructor(
    stream: Duplex,
    events: GuestControlEvents,
    {
      isRestored = false,
      transport = 'serial',
    }: { readonly isRestored?: boolean; readonly transport?: GuestTransport } = {},
  ) {
    this.#stream = stream;
    this.#events = events;
    this.#isFrozen = isRestored;
    this.#transport = transport;
    if (isRestored) this.#started.resolve();
    this.#started.promise.catch(() => undefined);
    readLines(
      stream,
      (line) => this.#receive(line.split(' ')),
      () => this.#over(),
    );
  }

  /** Resolves when init has started the agent; rejects when the guest ends before. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  async usage(): Promise<GuestUsage> {
    const [memory, peak, pids, cpuUs] = (await this.#ask('usage')).map(toCount);
    return {
      memoryBytes: memory ?? 0,
      peakMemoryBytes: Math.max(peak ?? 0, memory ?? 0),
      pids: pids ?? 0,
      cpuMs: (cpuUs ?? 0) / 1000,
    };
  }

  /** Mounts what is on the code device. Rejects with `unavailable` (`code_not_loaded`) when the guest cannot read it. */
  async loadCode(): Promise<void> {
    const mounts = () => (this.#goesOn && !this.#isFrozen ? Buffer.of(goOnBytes.code) : undefined);
    const [isDone] = await this.#ask('code', mounts);
    if (isDone !== '1')
      throw new PlatformError('unavailable', 'code_not_loaded', 'the guest cannot read the code image');
  }

  /**
   * Stops the function's processes until `settle`; nothing else can be asked before. Rejects with `unavailable` (`guest_not_frozen`) when one of them goes on: copies
   * would go on with the same random numbers before they are told others.
   */
  async freeze(): Promise<void> {
    const hasAsked = Promise.withResolvers<readonly string[]>();
    hasAsked.promise.catch(() => undefined);
    this.#answers.set('time', hasAsked);
    try {
      const [isDone] = await this.#ask('freeze', () => {
        this.#isFrozen = true;
        return this.#toInit('freeze');
      });
      if (isDone !== '1')
        throw new PlatformError('unavailable', 'guest_not_frozen', 'the processes of a guest could not be stopped');
      await withinPatience(hasAsked, 'freeze');
    } finally {
      this.#answers.delete('time');
    }
  }

  /**
   * Sets the guest's clock, makes its kernel's generator start anew, and lets the function's processes go on: what a clone needs before anything runs in it. A guest
   * that was told the time so slowly that its clock is late is told it again: its memory has to be read first where it begins.
   */
  async settle(nowMs?: number): Promise<void> {
    await this.#settleOnce(nowMs);
    for (let again = 0; again < maxSettleAgain && nowMs === undefined && this.#isLate(); again++) {
      await this.#settleOnce(undefined);
    }
  }

  async #settleOnce(nowMs: number | undefined): Promise<void> {
    this.#toldMs = nowMs;
    // A frozen guest has asked already.
    const request = () => (this.#isFrozen ? this.#settlement(nowMs) : this.#toInit('settle'));
    const [isDone] = await this.#ask('settle', request).finally(() => {
      this.#toldMs = undefined;
      this.#isFrozen = false;
    });
    this.#goesOn = this.#transport === 'serial';
    if (isDone !== '1')
      throw new PlatformError('unavailable', 'guest_not_settled', 'the clock of a guest could not be set');
  }

  /** More may have passed between the time that the guest was told and the clock that was set. */
  #isLate(): boolean {
    return performance.now() - this.#toldAt > maxLateMs;
  }

  #settlement(nowMs: number | undefined): Buffer {
    this.#toldAt = performance.now();
    return settlement(nowMs);
  }

  /** A line for init. */
  #toInit(request: string): string {
    const first = this.#goesOn ? String.fromCharCode(goOnBytes.init) : '';
    this.#goesOn = false;
    return `${first}${request}\n`;
  }

  /** One request at a time: init is a loop. `bytes` gives what is sent, a line when left out, which a frozen guest does not take. */
  async #ask(request: string, bytes?: () => string | Buffer | undefined): Promise<readonly string[]> {
    const previous = this.#requests;
    const turn = Promise.withResolvers<void>();
    this.#requests = turn.promise;
    try {
      await previous;
      if (this.#isOver) throw lost();
      const own = bytes?.();
      if (this.#isFrozen && own === undefined) throw silent(request);
      const answer = Promise.withResolvers<readonly string[]>();
      this.#answers.set(request, answer);
      this.#stream.write(own ?? this.#toInit(request));
      try {
        return await withinPatience(answer, request);
      } finally {
        this.#answers.delete(request);
      }
    } finally {
      turn.resolve();
    }
  }

  #receive([word = '', ...rest]: readonly string[]): void {
    if (word === 'time' && !this.#isFrozen) this.#stream.write(this.#settlement(this.#toldMs));
    else if (word === 'started') this.#started.resolve();
    else if (word === 'exit') this.#events.exited(toCount(rest[0] ?? ''), toCount(rest[1] ?? ''));
    else this.#answers.get(requests[word] ?? word)?.resolve(rest);
  }

  #over(): void {
    this.#isOver = true;
    this.#started.reject(lost());
    for (const answer of this.#answers.values()) answer.reject(lost());
  }
}

/** What the guest's `settle` reads once it has asked for the `time`, so that little passes in between: struct timespec, and fresh random bytes. */
function settlement(nowMs = performance.timeOrigin + performance.now()): Buffer {
  const time = Buffer.alloc(16);
  const now = BigInt(Math.round(nowMs * 1e6));
  time.writeBigInt64LE(now / nanosecondsPerSecond, 0);
  time.writeBigInt64LE(now % nanosecondsPerSecond, 8);
  return Buffer.concat([time, randomBytes(settleEntropyBytes)]);
}

async function withinPatience<T>(answer: PromiseWithResolvers<T>, request: string): Promise<T> {
  const timer = setTimeout(() => answer.reject(silent(request)), answerTimeoutMs);
  try {
    return await answer.promise;
  } finally {
    clearTimeout(timer);
  }
}

function toCount(text: string): number {
  const value = Number(text);
  return Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

function lost(): PlatformError {
  return new PlatformError('unavailable', 'guest_lost', 'the guest has ended');
}

function silent(request: string): PlatformError {
  return new PlatformError(
    'unavailable',
    'guest_silent',
    `the guest did not answer ${request} within ${answerTimeoutMs} ms`,
  );
}
