import type { Gap } from '../../../shared/api/events.ts';
import type { EventHub, RingSubscription, TopicSource } from './event-hub.ts';
import type { Feed, Outlet } from './feed.ts';

export interface RingFeedOptions {
  readonly hub: EventHub;
  readonly outlet: Outlet;
  readonly topic: string;
  readonly cursorKey: string;
  /** Of the topic in the hub. */
  readonly key: string;
  readonly source: TopicSource;
  /** Where to go on, and in which process that was; undefined: from now on. */
  readonly from: { readonly epoch: string; readonly position: string } | undefined;
}

/** Reads a ring at the reader's pace. A reader that is slower than the ring is told how many events it lost. */
export class RingFeed implements Feed {
  readonly cursorKey: string;
  readonly #options: RingFeedOptions;
  readonly #subscription: RingSubscription;
  #position: number;
  #isOfOtherProcess = false;

  constructor(options: RingFeedOptions) {
    const { hub, key, source, from } = options;
    this.#options = options;
    this.cursorKey = options.cursorKey;
    this.#subscription = hub.subscribe(key, source, () => this.pump());
    this.#position = this.#subscription.ring.head;
    if (from === undefined) return;
    if (from.epoch === hub.epoch) this.#position = Number(from.position);
    else this.#isOfOtherProcess = true;
  }

  get position(): string {
    return String(this.#position);
  }

  pump(): void {
    const { outlet } = this.#options;
    const { ring } = this.#subscription;
    if (this.#isOfOtherProcess && !outlet.isBlocked) {
      this.#isOfOtherProcess = false;
      this.#sendGap(null);
    }
    while (!outlet.isBlocked) {
      const gap = ring.gapAfter(this.#position);
      if (gap !== undefined) {
        this.#position = gap.resumeAfter;
        this.#sendGap(gap.lost);
        continue;
      }
      const event = ring.after(this.#position);
      if (event === undefined) return;
      this.#position = event.position;
      outlet.send(event.kind, event.json);
    }
  }

  close(): void {
    this.#subscription.unsubscribe();
  }

  #sendGap(lost: number | null): void {
    const { outlet, topic } = this.#options;
    const gap: Gap = { topic, lost, isAtLeast: false };
    outlet.send('gap', JSON.stringify(gap));
  }
}
