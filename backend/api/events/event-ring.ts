/** One event of a topic, as text that every reader gets the same. */
export interface RingEvent {
  /** Ascends by one within a ring. */
  readonly position: number;
  readonly kind: string;
  readonly json: string;
}

export interface EventRingOptions {
  /** Where the positions begin: larger than any of an earlier ring of the same topic. */
  readonly base: number;
  readonly maxEvents: number;
  /** Characters of all events together; the newest event is kept whatever its length. */
  readonly maxChars: number;
}

/** How many events a reader missed, and after which position it can go on. */
export interface RingGap {
  /** Null where nobody counted: the position is of a time before this ring. */
  readonly lost: number | null;
  readonly resumeAfter: number;
}

/** The newest events of one topic, in bounded memory. Readers hold positions; the ring does not know them. */
export class EventRing {
  readonly #options: EventRingOptions;
  readonly #events: RingEvent[] = [];
  #head: number;
  #chars = 0;

  constructor(options: EventRingOptions) {
    this.#options = options;
    this.#head = options.base;
  }

  /** Position of the newest event; of a new ring, the base. */
  get head(): number {
    return this.#head;
  }

  push(kind: string, json: string): void {
    const { maxEvents, maxChars } = this.#options;
    this.#events.push({ position: ++this.#head, kind, json });
    this.#chars += json.length;
    while (this.#events.length > 1 && (this.#events.length > maxEvents || this.#chars > maxChars)) {
      this.#chars -= this.#events.shift()?.json.length ?? 0;
    }
  }

  /** The event after a position; undefined when there is none, or when there is a gap. */
  after(position: number): RingEvent | undefined {
    const [oldest] = this.#events;
    return oldest === undefined ? undefined : this.#events[position + 1 - oldest.position];
  }

  /** What lies between a position and the events that are still there; undefined when nothing does. */
  gapAfter(position: number): RingGap | undefined {
    // From the future: of a process that ended, or made up.
    if (position > this.#head) return { lost: null, resumeAfter: this.#head };
    const resumeAfter = (this.#events[0]?.position ?? this.#head + 1) - 1;
    if (position >= resumeAfter) return undefined;
    return { lost: position < this.#options.base ? null : resumeAfter - position, resumeAfter };
  }
}
