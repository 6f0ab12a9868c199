import type { BuildState, BuildStepName } from '../../shared/api/builds.ts';
import { PlatformError } from '../../shared/errors.ts';
import type { StoredBuild, StoredLine, StoredStep } from '../core/ports/build-store.ts';
import type { BuildWatcher } from '../core/ports/build-watcher.ts';
import type { Clock } from '../core/ports/clock.ts';

/** Characters of a log that are kept; the builder bounds lines, and their number. */
const maxLogChars = 256 * 1024;

export interface ActiveBuildOptions {
  readonly record: StoredBuild;
  readonly clock: Clock;
  /** Aborts when whoever waits for it is gone; undefined when nobody waits. */
  readonly signal: AbortSignal | undefined;
}

/** A build on its way: what it did so far, and how it is ended early. */
export class ActiveBuild implements BuildWatcher {
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  readonly #lines: StoredLine[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #ended = Promise.withResolvers<void>();
  #record: StoredBuild;
  #chars = 0;
  readonly signal: AbortSignal;

  constructor({ record, clock, signal }: ActiveBuildOptions) {
    this.#record = record;
    this.#clock = clock;
    this.signal = signal === undefined ? this.#abort.signal : AbortSignal.any([signal, this.#abort.signal]);
  }

  get record(): StoredBuild {
    return this.#record;
  }

  get lines(): readonly StoredLine[] {
    return this.#lines;
  }

  /** Resolves when it is over and stored. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  step(name: BuildStepName): void {
    const { steps } = this.#record;
    if (steps.at(-1)?.name === name) return;
    const step: StoredStep = { name, startedAt: this.#clock.now(), finishedAt: undefined };
    this.#record = { ...this.#record, steps: [...this.#finishedSteps(), step], state: stateIn(name) };
    this.#tell();
  }

  line(text: string): void {
    if (this.#chars >= maxLogChars) return;
    this.#chars += text.length;
    const shown = this.#chars >= maxLogChars ? '(the log is longer; the rest is left out)' : text;
    this.#lines.push({ step: this.#record.steps.at(-1)?.name, at: this.#clock.now(), text: shown });
    this.#tell();
  }

  /** Ends it with this error, unless it ends by itself first. */
  cancel(reason: PlatformError): void {
    this.#abort.abort(reason);
  }

  /** Throws why it was cancelled, if it was. */
  refuseCancelled(): void {
    if (!this.signal.aborted) return;
    const { reason } = this.signal;
    throw reason instanceof PlatformError ? reason : buildCancelled('whoever deployed did not wait for it');
  }

  /** What is to be stored when it ends now. */
  over(state: 'ready' | 'failed' | 'cancelled', how: Pick<StoredBuild, 'version' | 'error'>): StoredBuild {
    return { ...this.#record, ...how, state, steps: this.#finishedSteps(), finishedAt: this.#clock.now() };
  }

  /** After it is stored as `record`. */
  end(record: StoredBuild): void {
    this.#record = record;
    this.#tell();
    this.#listeners.clear();
    this.#ended.resolve();
  }

  /** `listener` hears of every change until the function that this returns is called. It must not throw. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #finishedSteps(): readonly StoredStep[] {
    const now = this.#clock.now();
    return this.#record.steps.map((step) => ({ ...step, finishedAt: step.finishedAt ?? now }));
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** What was built is only looked at from its check on. */
function stateIn(step: BuildStepName): BuildState {
  return step === 'check' || step === 'compile-ahead' || step === 'activate' ? 'checking' : 'building';
}

export function buildCancelled(why: string): PlatformError {
  return new PlatformError('conflict', 'build_cancelled', `the build was cancelled: ${why}`);
}
