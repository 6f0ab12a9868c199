import type { LiveTick } from '../../shared/api/metrics.ts';
import type { LiveEvents, LiveState } from './live-events.ts';
import type { TopicEvent } from './topic-table.ts';

/** What the platform said lately: one tick a second, oldest first. */
export interface LiveSnapshot {
  readonly ticks: readonly LiveTick[];
  readonly state: LiveState;
}

/** The ticks of the topic `metrics` that this tab has seen, shared by everything that shows them. */
export class LiveTicks {
  readonly #events: LiveEvents;
  readonly #capacity: number;
  readonly #listeners = new Set<() => void>();
  #snapshot: LiveSnapshot = { ticks: [], state: 'closed' };
  #leave: (() => void) | undefined;

  /** `capacity`: ticks that are kept; a quarter of an hour when left out. */
  constructor(events: LiveEvents, capacity = 900) {
    this.#events = events;
    this.#capacity = capacity;
    events.watch(() => this.#publish({ ...this.#snapshot, state: events.state() }));
  }

  readonly snapshot = (): LiveSnapshot => this.#snapshot;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#leave ??= this.#events.subscribe('metrics', { onEvents: (events) => this.#take(events) });
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#leave?.();
      this.#leave = undefined;
    };
  };

  /** Forgets everything, for example when another token is used. */
  reset(): void {
    this.#publish({ ...this.#snapshot, ticks: [] });
  }

  #take(events: readonly TopicEvent[]): void {
    const last = this.#snapshot.ticks.at(-1)?.at ?? '';
    const ticks = events.filter(({ kind }) => kind === 'tick').map(({ data }) => data as unknown as LiveTick);
    const fresh = ticks.filter(({ at }) => at > last);
    if (fresh.length === 0) return;
    this.#publish({ ...this.#snapshot, ticks: [...this.#snapshot.ticks, ...fresh].slice(-this.#capacity) });
  }

  #publish(snapshot: LiveSnapshot): void {
    this.#snapshot = snapshot;
    for (const listener of [...this.#listeners]) listener();
  }
}
