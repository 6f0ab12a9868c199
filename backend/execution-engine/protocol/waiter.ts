import { PlatformError } from '../../../shared/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** What is waited for, in messages. */
  readonly name: string;
  /** The rejection when the connection ends or the signal aborts. */
  readonly failed: (why: string) => PlatformError;
  /** The rejection after `timeoutMs`; `failed` by default. */
  readonly late?: () => PlatformError;
}

interface Entry {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: PlatformError) => void;
  readonly failed: (why: string) => PlatformError;
}

/** Answers that are waited for, by name, each with a time limit. */
export class Waiter {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  /** Answers that came before anyone waited. */
  readonly #early = new Map<string, unknown>();
  #failure: string | undefined;

  constructor(options: { readonly clock: Clock }) {
    this.#clock = options.clock;
  }

  get isWaiting(): boolean {
    return this.#entries.size > 0;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  wait<T>(key: string, options: WaitOptions): Promise<T> {
    const { timeoutMs, signal, failed, name } = options;
    const late = options.late ?? (() => failed(`no ${name} within ${timeoutMs} ms`));
    if (this.#early.has(key)) {
      const value = this.#early.get(key) as T;
      this.#early.delete(key);
      return Promise.resolve(value);
    }
    if (this.#failure !== undefined) return Promise.reject(failed(this.#failure));
    if (signal?.aborted === true) return Promise.reject(failed('the start was given up'));
    return new Promise<T>((resolve, reject) => {
      const aborted = () => this.reject(key, failed('the start was given up'));
      const stopTimer = this.#clock.after(timeoutMs, () => this.reject(key, late()));
      const done = () => {
        stopTimer();
        signal?.removeEventListener('abort', aborted);
        this.#entries.delete(key);
      };
      this.#entries.set(key, {
        resolve: (value) => {
          done();
          resolve(value as T);
        },
        reject: (error) => {
          done();
          reject(error);
        },
        failed,
      });
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  resolve(key: string, value: unknown): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#early.set(key, value);
    else entry.resolve(value);
  }

  reject(key: string, error: PlatformError): void {
    this.#entries.get(key)?.reject(error);
  }

  /** The connection is over: everything that is or will be waited for fails. */
  fail(why: string): void {
    this.#failure = why;
    for (const entry of [...this.#entries.values()]) entry.reject(entry.failed(why));
  }
}

/** How READY is waited for: why a version did not start is the function's fault. */
export function initWait(timeoutMs: number, signal: AbortSignal | undefined): WaitOptions {
  const fault = (code: 'exited' | 'init_timeout', message: string) =>
    new PlatformError('function_error', code, message);
  return {
    timeoutMs,
    signal,
    failed: (why) => fault('exited', `the function ended while it started: ${why}`),
    late: () => fault('init_timeout', `the function did not start within ${timeoutMs} ms`),
    name: 'READY',
  };
}
