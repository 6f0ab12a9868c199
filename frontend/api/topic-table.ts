import type { RefusedTopic } from '../../shared/api/events.ts';

/** One event of a topic, as it came. */
export interface TopicEvent {
  /** `tick`, `log`, `deployment`, `alert` or `gap`. */
  readonly kind: string;
  readonly data: { readonly topic: string };
}

export interface TopicHandler {
  /** All that arrived together, in order. */
  onEvents(events: readonly TopicEvent[]): void;
  /** The platform does not carry this topic for us. */
  onRefused?(refused: RefusedTopic): void;
}

interface Entry {
  readonly handlers: Set<TopicHandler>;
  refused: RefusedTopic | undefined;
  linger: ReturnType<typeof setTimeout> | undefined;
}

/** Which topics this page wants, and who hears of them. */
export class TopicTable {
  readonly #entries = new Map<string, Entry>();

  /** Topics to be carried. */
  get wanted(): readonly string[] {
    return [...this.#entries].filter(([, { refused }]) => refused === undefined).map(([topic]) => topic);
  }

  add(topic: string, handler: TopicHandler): void {
    const entry = this.#entries.get(topic) ?? { handlers: new Set(), refused: undefined, linger: undefined };
    clearTimeout(entry.linger);
    entry.handlers.add(handler);
    this.#entries.set(topic, entry);
    if (entry.refused !== undefined) handler.onRefused?.(entry.refused);
  }

  /** Takes a handler away, and the topic with its last one: after a while, so that a change of page does not end it. */
  remove(topic: string, handler: TopicHandler, lingerMs: number, onGone: () => void): void {
    const entry = this.#entries.get(topic);
    if (entry === undefined || !entry.handlers.delete(handler) || entry.handlers.size > 0) return;
    const drop = () => {
      this.#entries.delete(topic);
      onGone();
    };
    if (lingerMs === 0) drop();
    else entry.linger = setTimeout(drop, lingerMs);
  }

  refuse(refused: RefusedTopic): void {
    const entry = this.#entries.get(refused.topic);
    if (entry === undefined) return;
    entry.refused = refused;
    for (const handler of [...entry.handlers]) handler.onRefused?.(refused);
  }

  /** Who is somebody else now may be allowed more. */
  forgetRefusals(): void {
    for (const entry of this.#entries.values()) entry.refused = undefined;
  }

  deliver(events: readonly TopicEvent[]): void {
    for (const [topic, ofTopic] of Map.groupBy(events, ({ data }) => data.topic)) {
      for (const handler of [...(this.#entries.get(topic)?.handlers ?? [])]) handler.onEvents(ofTopic);
    }
  }
}
