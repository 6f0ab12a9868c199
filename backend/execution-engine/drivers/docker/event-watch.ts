import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../../core/ports/logger.ts';
import type { EngineClient } from './engine/engine-client.ts';
import type { EngineEvent } from './engine/engine-types.ts';

export interface EventWatchOptions {
  readonly engine: EngineClient;
  /** The label, `key=value`, of the containers whose events matter. */
  readonly label: string;
  /** Which events; for example `oom`. */
  readonly actions: readonly string[];
  readonly onEvent: (event: EngineEvent) => void;
  /** Whenever the daemon sends again after it did not. */
  readonly onBack: () => void;
  readonly logger: Logger | undefined;
}

const firstPauseMs = 100;
const longestPauseMs = 5000;

/** Listens to the daemon's events for as long as it is open, through restarts of the daemon. */
export class EventWatch {
  readonly #options: EventWatchOptions;
  readonly #closing = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;

  constructor(options: EventWatchOptions) {
    this.#options = options;
  }

  /** Resolves when events come, or could not be asked for; either way it goes on trying. */
  start(): Promise<void> {
    this.#running ??= this.#run();
    return this.#first.promise;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { engine, label, actions, onEvent, onBack, logger } = this.#options;
    const { signal } = this.#closing;
    let pauseMs = firstPauseMs;
    let wasLost = false;
    while (!signal.aborted) {
      try {
        const filters = { type: ['container'], label: [label], event: actions };
        const events = await engine.events(filters, signal);
        this.#first.resolve();
        if (wasLost) onBack();
        wasLost = false;
        pauseMs = firstPauseMs;
        for await (const event of events) onEvent(event);
      } catch (error) {
        if (!signal.aborted && !wasLost) logger?.warn({ err: error }, "the Docker daemon's events broke off");
      }
      this.#first.resolve();
      if (signal.aborted) return;
      wasLost = true;
      await delay(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
      pauseMs = Math.min(longestPauseMs, pauseMs * 2);
    }
  }
}
