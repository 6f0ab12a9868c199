import type { Writable } from 'node:stream';
import type { Channel } from './channel.ts';
import { later, monotonic, utf8Length } from './originals.ts';

/** Who prints now: an AsyncLocalStorage, of which logs need no more than this. */
interface LogOwners {
  getStore(): LogOwner | undefined;
}

/** What logs are attributed to. */
export interface LogOwner {
  /** The call's id, or 0 once the host does not know it any more. */
  readonly logId: number;
  readonly log: LogMeter;
}
/** What an owner has logged. */
export interface LogMeter {
  bytes: number;
  entries: number;
  isFull: boolean;
  /** Raw writes that did not end with a line break, by stream. */
  partial: [string, string];
}
export const newLogMeter = (): LogMeter => ({ bytes: 0, entries: 0, isFull: false, partial: ['', ''] });

const stdout = 0;
const stderr = 1;
const levels = { debug: 0, info: 1, warn: 2, error: 3 } as const;
const outsideWindowMs = 10_000;
const cutFlag = 1;
/** The host drops what is beyond. */
const maxEntries = 20_000;

export interface LogLimits {
  readonly lineBytes: number;
  readonly limitBytes: number;
}

/** Takes over console and process.stdout/stderr: what user code prints becomes LOG frames of the invocation that printed it. */
export class LogCapture {
  readonly #channel: Channel;
  readonly #owners: LogOwners;
  readonly #outside = newLogMeter();
  #outsideUntil = 0;
  #limits: LogLimits = { lineBytes: 16_384, limitBytes: 1_048_576 };
  /** Set while a console method runs: its writes are one entry of this level. */
  #entry: { level: number; stream: number; text: string } | undefined;

  constructor(channel: Channel, owners: LogOwners) {
    this.#channel = channel;
    this.#owners = owners;
  }

  limit(limits: LogLimits): void {
    this.#limits = limits;
  }

  install(): void {
    for (const [name, stream] of [
      ['stdout', stdout],
      ['stderr', stderr],
    ] as const) {
      let made: Writable | undefined;
      const get = () => {
        made ??= this.#stream(stream);
        return made;
      };
      Object.defineProperty(process, name, { configurable: true, enumerable: true, get });
    }
    const named: Record<string, number> = { debug: 0, log: 1, info: 1, warn: 2, error: 3, trace: 3, assert: 3 };
    const rest = [
      'dir',
      'dirxml',
      'table',
      'group',
      'groupCollapsed',
      'count',
      'countReset',
      'time',
      'timeEnd',
      'timeLog',
    ];
    const target = console as unknown as Record<string, (...args: unknown[]) => void>;
    for (const name of [...Object.keys(named), ...rest]) {
      const original = target[name];
      if (original !== undefined) target[name] = this.#wrap(original, named[name] ?? levels.info);
    }
  }

  /** An entry that the agent itself writes for an owner. */
  write(owner: LogOwner | undefined, level: keyof typeof levels, text: string): void {
    this.#emit(owner, levels[level], level === 'warn' || level === 'error' ? stderr : stdout, text);
  }

  /** Sends what an owner, or code outside any call, wrote without a line break; called before the end. */
  flushPartial(owner: LogOwner | undefined): void {
    const { partial } = owner?.log ?? this.#outside;
    for (const stream of [stdout, stderr]) {
      const text = partial[stream];
      if (text === undefined || text === '') continue;
      partial[stream] = '';
      this.#emit(owner, stream === stderr ? levels.error : levels.info, stream, text);
    }
  }

  #wrap(original: (...args: unknown[]) => void, level: number): (...args: unknown[]) => void {
    return (...args) => {
      if (this.#entry !== undefined) {
        original.apply(console, args);
        return;
      }
      const entry = { level, stream: level >= levels.warn ? stderr : stdout, text: '' };
      this.#entry = entry;
      try {
        original.apply(console, args);
      } finally {
        this.#entry = undefined;
      }
      if (entry.text === '') return;
      const text = entry.text.endsWith('\n') ? entry.text.slice(0, -1) : entry.text;
      this.#emit(this.#owners.getStore(), entry.level, entry.stream, text);
    };
  }

  #stream(stream: 0 | 1): Writable {
    const { Writable: WritableStream } = process.getBuiltinModule('node:stream');
    const made = new WritableStream({ decodeStrings: false });
    const decoder = new (process.getBuiltinModule('node:string_decoder').StringDecoder)('utf8');
    const write = (chunk: unknown, encoding?: unknown, callback?: unknown): boolean => {
      const text = typeof chunk === 'string' ? chunk : decoder.write(chunk as Buffer);
      this.#raw(stream, text);
      // Of the console it would only hear of errors; a loop that prints keeps each one until its turn is over.
      if (this.#entry !== undefined) return true;
      const done = typeof encoding === 'function' ? encoding : callback;
      if (typeof done === 'function') later(done as () => void);
      return true;
    };
    const end = (chunk?: unknown) => {
      if (typeof chunk === 'string' || chunk instanceof Uint8Array) write(chunk);
      return made;
    };
    return Object.assign(made, { write, end, destroy: () => made, fd: stream + 1, isTTY: false });
  }

  #raw(stream: 0 | 1, text: string): void {
    if (this.#entry !== undefined) {
      if (this.#entry.text.length < this.#limits.lineBytes * 2) this.#entry.text += text;
      return;
    }
    const owner = this.#owners.getStore();
    const { partial } = owner?.log ?? this.#outside;
    let rest = partial[stream] + text;
    let start = 0;
    const level = stream === stderr ? levels.error : levels.info;
    for (let at = rest.indexOf('\n'); at >= 0; at = rest.indexOf('\n', start)) {
      this.#emit(owner, level, stream, rest.slice(start, at));
      start = at + 1;
    }
    rest = rest.slice(start);
    if (rest.length > this.#limits.lineBytes) {
      this.#emit(owner, level, stream, rest);
      rest = '';
    }
    partial[stream] = rest;
  }

  #emit(owner: LogOwner | undefined, level: number, stream: number, text: string): void {
    const meter = owner?.log ?? this.#window();
    if (meter.isFull) return;
    const { lineBytes } = this.#limits;
    // Two windows of ours can meet one of the host's.
    const share = owner === undefined ? 0.5 : 1;
    const limitBytes = this.#limits.limitBytes * share;
    let kept = text.length > lineBytes ? text.slice(0, lineBytes) : text;
    let bytes = utf8Length(kept);
    if (bytes > lineBytes) {
      kept = cutUtf8(kept, lineBytes);
      bytes = utf8Length(kept);
    }
    const isCut = kept.length < text.length;
    const isTooMuch = meter.bytes + bytes > limitBytes;
    if (isTooMuch || ++meter.entries >= maxEntries * share) {
      meter.isFull = true;
      const marker = `[more than ${isTooMuch ? `${limitBytes} bytes` : `${maxEntries * share} lines`} of output: the rest ${owner === undefined ? 'of these ten seconds' : 'of this invocation'} is dropped]`;
      this.#channel.writer.log(owner?.logId ?? 0, levels.warn, stream, cutFlag, marker);
    } else {
      meter.bytes += bytes;
      this.#channel.writer.log(owner?.logId ?? 0, level, stream, isCut ? cutFlag : 0, kept);
    }
    this.#channel.flushLater();
  }

  #window(): LogMeter {
    const now = monotonic();
    if (now >= this.#outsideUntil) {
      this.#outsideUntil = now + outsideWindowMs;
      this.#outside.bytes = 0;
      this.#outside.entries = 0;
      this.#outside.isFull = false;
    }
    return this.#outside;
  }
}

/** The longest prefix that has at most so many bytes and does not end in half a character. */
function cutUtf8(text: string, maxBytes: number): string {
  let cut = Buffer.from(text).toString('utf8', 0, maxBytes);
  while (cut.endsWith('\ufffd')) cut = cut.slice(0, -1);
  return cut;
}
