import type { Duplex } from 'node:stream';
import { PlatformError } from '../../shared/errors.ts';
import type { SandboxId } from '../../shared/ids.ts';
import type { PreparedImage } from '../core/ports/isolation-driver.ts';
import type { ExitReport, OutputLine, ResourceUsage, Sandbox, SandboxHandle } from '../core/ports/sandbox.ts';

/** What happened to a sandbox. `created` and `destroyed` come exactly once each, `paused` and `resumed` once per change. */
export type SandboxEvent =
  | { readonly kind: 'created' | 'paused' | 'resumed'; readonly id: SandboxId }
  | { readonly kind: 'destroyed'; readonly id: SandboxId; readonly report: ExitReport };

/**
 * Makes every method of a driver's sandbox safe in every state:
 *
 * | state   | pause     | resume    | connect, specialise, usage | destroy        |
 * | ------- | --------- | --------- | -------------------------- | -------------- |
 * | running | -> paused | no-op     | allowed                    | -> dying       |
 * | paused  | no-op     | -> running| allowed                    | -> dying       |
 * | dying   | rejects   | rejects   | rejects                    | joins          |
 * | dead    | rejects   | rejects   | rejects                    | no-op          |
 *
 * State changes run one after the other; destroy does not wait for them. Any error of the driver or of the channel
 * destroys the sandbox, because half of a state change is no state. Calls on a sandbox that is dying or dead, and calls that its death
 * interrupts, reject with `unavailable` / `sandbox_gone` and the reason. `notify` is called synchronously and must not throw.
 */
export function guardSandbox(inner: Sandbox, notify: (event: SandboxEvent) => void): Sandbox {
  return new GuardedSandbox(inner, notify);
}

class GuardedSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly handle: SandboxHandle;
  readonly exited: Promise<ExitReport>;
  readonly #inner: Sandbox;
  readonly #notify: (event: SandboxEvent) => void;
  /** Rejects when the sandbox begins to die; calls race against it, so that none outlives the sandbox. */
  readonly #gone = Promise.withResolvers<never>();
  #paused = false;
  /** Why it is dying or dead; undefined while it lives. */
  #reason: string | undefined;
  #changes: Promise<unknown> = Promise.resolve();
  #destroyed: Promise<void> | undefined;
  #connected = false;
  #specialised = false;
  #read = false;

  constructor(inner: Sandbox, notify: (event: SandboxEvent) => void) {
    this.id = inner.id;
    this.handle = inner.handle;
    this.#inner = inner;
    this.#notify = notify;
    // Nobody may be racing when it dies; that must not count as an unhandled rejection.
    this.#gone.promise.catch(() => undefined);
    notify({ kind: 'created', id: this.id });
    this.exited = inner.exited.then((report) => {
      this.#die(report.reason ?? describeExit(report));
      notify({ kind: 'destroyed', id: this.id, report });
      return report;
    });
  }

  async connect(signal: AbortSignal): Promise<Duplex> {
    this.#assertAlive();
    if (this.#connected) throw usedTwice('connect');
    this.#connected = true;
    // A channel that arrives after the sandbox died still gets its listener, or its error would end the platform.
    const channel = this.#inner.connect(signal).then((duplex) => this.#adopt(duplex));
    return await this.#orDestroy('connect', channel);
  }

  async specialise(image: PreparedImage, signal: AbortSignal): Promise<void> {
    this.#assertAlive();
    if (this.#specialised) throw usedTwice('specialise');
    this.#specialised = true;
    await this.#change('specialise', () => this.#inner.specialise(image, signal));
  }

  output(): AsyncIterable<OutputLine> {
    if (this.#read) throw usedTwice('output');
    this.#read = true;
    return this.#inner.output();
  }

  async usage(): Promise<ResourceUsage> {
    this.#assertAlive();
    return await this.#orDestroy('usage', this.#inner.usage());
  }

  /** Allowed in every state. */
  onRefused(listener: (target: string) => void): void {
    this.#inner.onRefused?.(listener);
  }

  async pause(): Promise<void> {
    this.#assertAlive();
    await this.#change('pause', async () => {
      if (this.#paused) return;
      await this.#inner.pause();
      this.#paused = true;
      if (this.#reason === undefined) this.#notify({ kind: 'paused', id: this.id });
    });
  }

  async resume(): Promise<void> {
    this.#assertAlive();
    await this.#change('resume', async () => {
      if (!this.#paused) return;
      await this.#inner.resume();
      this.#paused = false;
      if (this.#reason === undefined) this.#notify({ kind: 'resumed', id: this.id });
    });
  }

  destroy(reason: string): Promise<void> {
    this.#destroyed ??= this.#destroyInner(reason);
    return this.#destroyed;
  }

  async #destroyInner(reason: string): Promise<void> {
    this.#die(reason);
    try {
      await this.#inner.destroy(reason);
    } catch (cause) {
      throw new PlatformError('internal', 'sandbox_not_destroyed', 'the driver could not remove a sandbox', { cause });
    }
    await this.exited;
  }

  /** Runs a state change after those that were asked for before it. */
  #change(step: string, run: () => Promise<void>): Promise<void> {
    const turn = this.#changes.then(() => {
      this.#assertAlive();
      return run();
    });
    this.#changes = turn.catch(() => undefined);
    return this.#orDestroy(step, turn);
  }

  async #orDestroy<Result>(step: string, work: Promise<Result>): Promise<Result> {
    try {
      return await Promise.race([work, this.#gone.promise]);
    } catch (cause) {
      // The loser of the race may fail later; that is known already.
      work.catch(() => undefined);
      if (this.#reason !== undefined) throw this.#goneError(cause);
      const message = cause instanceof Error ? cause.message : String(cause);
      this.#destroyQuietly(`${step} failed: ${message}`);
      throw cause instanceof PlatformError
        ? cause
        : new PlatformError('unavailable', 'sandbox_failed', `the sandbox failed at ${step}`, { cause });
    }
  }

  #adopt(channel: Duplex): Duplex {
    channel.on('error', (error) => this.#destroyQuietly(`channel failed: ${error.message}`));
    if (this.#reason !== undefined) channel.destroy();
    return channel;
  }

  #destroyQuietly(reason: string): void {
    // The caller has its own error; a failed removal is the sweep's matter.
    this.destroy(reason).catch(() => undefined);
  }

  #die(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#gone.reject(this.#goneError());
  }

  #assertAlive(): void {
    if (this.#reason !== undefined) throw this.#goneError();
  }

  #goneError(cause?: unknown): PlatformError {
    const message = `the sandbox is gone: ${this.#reason ?? 'it ended'}`;
    return new PlatformError('unavailable', 'sandbox_gone', message, cause === undefined ? {} : { cause });
  }
}

function describeExit(report: ExitReport): string {
  if (report.outOfMemory) return 'out of memory';
  if (report.signal !== null) return `ended by ${report.signal}`;
  return report.code === null ? 'it ended' : `exited with code ${report.code}`;
}

function usedTwice(method: string): PlatformError {
  return new PlatformError('conflict', 'sandbox_used_twice', `${method} can be called only once per sandbox`);
}
