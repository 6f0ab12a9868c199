import type { LiveTick } from '../../shared/api/metrics.ts';
import { apiPaths } from './api.ts';
import type { ApiClient } from './client.ts';
import { followEvents, type StreamState } from './follow.ts';

/** What the platform said lately: one tick a second, oldest first. */
export interface LiveSnapshot {
  readonly ticks: readonly LiveTick[];
  readonly state: StreamState;
}

export interface LiveMetricsOptions {
  readonly client: ApiClient;
  /** Ticks that are kept. */
  readonly capacity?: number;
  /** How long after the last listener the connection is kept, so that a change of page does not reconnect. */
  readonly lingerMs?: number;
  /** Defaults to the visibility of the page: a hidden tab does not listen. */
  readonly visibility?: { isVisible(): boolean; onChange(listener: () => void): () => void };
}

const pageVisibility = {
  isVisible: () => document.visibilityState === 'visible',
  onChange(listener: () => void): () => void {
    document.addEventListener('visibilitychange', listener);
    return () => document.removeEventListener('visibilitychange', listener);
  },
};

function parseTick(data: string): LiveTick | undefined {
  try {
    const value: unknown = JSON.parse(data);
    const isTick = typeof value === 'object' && value !== null && 'gauges' in value && 'at' in value;
    return isTick ? (value as LiveTick) : undefined;
  } catch {
    return undefined;
  }
}

/** The one metrics stream of a tab, shared by everything that is shown; open while somebody listens and the tab is visible. */
export class LiveMetrics {
  readonly #client: ApiClient;
  readonly #capacity: number;
  readonly #lingerMs: number;
  readonly #visibility: NonNullable<LiveMetricsOptions['visibility']>;
  readonly #listeners = new Set<() => void>();
  #snapshot: LiveSnapshot = { ticks: [], state: 'closed' };
  #stop: (() => void) | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #unwatch: (() => void) | undefined;

  constructor(options: LiveMetricsOptions) {
    this.#client = options.client;
    this.#capacity = options.capacity ?? 900;
    this.#lingerMs = options.lingerMs ?? 5000;
    this.#visibility = options.visibility ?? pageVisibility;
  }

  readonly snapshot = (): LiveSnapshot => this.#snapshot;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    clearTimeout(this.#linger);
    this.#unwatch ??= this.#visibility.onChange(() => this.#adjust());
    this.#adjust();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearTimeout(this.#linger);
      this.#linger = setTimeout(() => this.#adjust(), this.#lingerMs);
    };
  };

  /** Forgets everything, for example when another token is used. */
  reset(): void {
    clearTimeout(this.#linger);
    this.#close();
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#publish({ ticks: [], state: 'closed' });
  }

  #adjust(): void {
    const isWanted = this.#listeners.size > 0 && this.#visibility.isVisible();
    if (isWanted && this.#stop === undefined) this.#open();
    if (!isWanted) this.#close();
  }

  #open(): void {
    this.#stop = followEvents({
      client: this.#client,
      path: apiPaths.metricsStream,
      onEvents: (events) => this.#take(events.map((event) => parseTick(event.data))),
      onState: (state) => this.#publish({ ...this.#snapshot, state }),
      silenceMs: 20_000,
    });
  }

  #close(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #take(parsed: readonly (LiveTick | undefined)[]): void {
    const last = this.#snapshot.ticks.at(-1)?.at ?? '';
    const fresh = parsed.filter((tick): tick is LiveTick => tick !== undefined && tick.at > last);
    if (fresh.length === 0) return;
    this.#publish({ ...this.#snapshot, ticks: [...this.#snapshot.ticks, ...fresh].slice(-this.#capacity) });
  }

  #publish(snapshot: LiveSnapshot): void {
    this.#snapshot = snapshot;
    for (const listener of this.#listeners) listener();
  }
}
