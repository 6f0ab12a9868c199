import { randomBytes } from 'node:crypto';
import type { Clock } from '../../core/ports/clock.ts';
import { EventRing } from './event-ring.ts';

/** Says what happened. Events with the same `mergeKey` within the topic's `mergeMs` become one, the last. */
export type Publish = (kind: string, data: object, mergeKey?: string) => void;

export interface TopicSource {
  /** Begins to publish; returns what ends it. */
  readonly start: (publish: Publish) => () => void;
  /** 0: every event is published at once. */
  readonly mergeMs: number;
}

export interface RingSubscription {
  readonly ring: EventRing;
  readonly unsubscribe: () => void;
}

export interface EventHubOptions {
  readonly clock: Clock;
  /** How long a topic goes on after its last reader, so that one who comes back finds what it missed. 60,000 when left out. */
  readonly lingerMs?: number;
  /** Per topic. 128 when left out. */
  readonly maxEvents?: number;
  /** Characters per topic. 512 Ki when left out. */
  readonly maxChars?: number;
  /** Topics without readers; beyond it the oldest end early. 64 when left out. */
  readonly maxIdleTopics?: number;
}

interface Pending {
  readonly kind: string;
  readonly data: object;
}

/** One topic: made once for all its readers. */
class HubTopic {
  readonly ring: EventRing;
  readonly listeners = new Set<() => void>();
  cancelLinger: (() => void) | undefined;
  readonly #pending = new Map<string, Pending>();
  readonly #clock: Clock;
  readonly #mergeMs: number;
  readonly #stop: () => void;
  readonly #onEvent: () => void;
  #cancelMerge: (() => void) | undefined;

  constructor(clock: Clock, ring: EventRing, source: TopicSource, onEvent: () => void) {
    this.#clock = clock;
    this.ring = ring;
    this.#mergeMs = source.mergeMs;
    this.#onEvent = onEvent;
    this.#stop = source.start((kind, data, mergeKey) => this.#publish(kind, data, mergeKey));
  }

  close(): void {
    this.#stop();
    this.#cancelMerge?.();
    this.cancelLinger?.();
    this.listeners.clear();
  }

  #publish(kind: string, data: object, mergeKey: string | undefined): void {
    if (this.#mergeMs === 0 || mergeKey === undefined) {
      this.#push({ kind, data });
      return;
    }
    this.#pending.delete(mergeKey);
    this.#pending.set(mergeKey, { kind, data });
    this.#cancelMerge ??= this.#clock.after(this.#mergeMs, () => {
      this.#cancelMerge = undefined;
      const events = [...this.#pending.values()];
      this.#pending.clear();
      for (const event of events) this.#push(event);
    });
  }

  #push({ kind, data }: Pending): void {
    this.ring.push(kind, JSON.stringify(data));
    this.#onEvent();
    for (const listener of [...this.listeners]) listener();
  }
}

/**
 * Topics whose events are made once for all who read them. A topic runs while somebody reads it and a while longer; what it
 * published lately is in its ring. Costs nothing while nobody reads.
 */
export class EventHub {
  /** Names this process in cursors: positions of another one mean nothing here. */
  readonly epoch = randomBytes(6).toString('hex');
  readonly #options: EventHubOptions;
  readonly #topics = new Map<string, HubTopic>();
  /** Topics without readers, the one that lost its last reader first in front. */
  readonly #idle = new Set<string>();
  /** Events of all topics so far, and rings made: a new ring begins beyond every position that was ever given out. */
  #count = 0;

  constructor(options: EventHubOptions) {
    this.#options = options;
  }

  /** Topics that run. */
  get size(): number {
    return this.#topics.size;
  }

  /** Calls `listener` after each event of the topic, which is made from `source` unless it runs already. */
  subscribe(key: string, source: TopicSource, listener: () => void): RingSubscription {
    const topic = this.#topics.get(key) ?? this.#create(key, source);
    topic.cancelLinger?.();
    topic.cancelLinger = undefined;
    this.#idle.delete(key);
    const own = () => listener();
    topic.listeners.add(own);
    const unsubscribe = () => {
      if (topic.listeners.delete(own) && topic.listeners.size === 0) this.#linger(key, topic);
    };
    return { ring: topic.ring, unsubscribe };
  }

  close(): void {
    for (const topic of this.#topics.values()) topic.close();
    this.#topics.clear();
    this.#idle.clear();
  }

  #create(key: string, source: TopicSource): HubTopic {
    const { clock, maxEvents = 128, maxChars = 512 * 1024 } = this.#options;
    const ring = new EventRing({ base: ++this.#count, maxEvents, maxChars });
    const topic = new HubTopic(clock, ring, source, () => this.#count++);
    this.#topics.set(key, topic);
    return topic;
  }

  #linger(key: string, topic: HubTopic): void {
    const { clock, lingerMs = 60_000, maxIdleTopics = 64 } = this.#options;
    this.#idle.add(key);
    topic.cancelLinger = clock.after(lingerMs, () => this.#end(key));
    const [oldest] = this.#idle;
    if (this.#idle.size > maxIdleTopics && oldest !== undefined) this.#end(oldest);
  }

  #end(key: string): void {
    this.#topics.get(key)?.close();
    this.#topics.delete(key);
    this.#idle.delete(key);
  }
}
