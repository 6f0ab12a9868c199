import type { OpenStream, RefusedTopic } from '../../shared/api/events.ts';
import { apiPaths } from './api.ts';
import type { ApiClient } from './client.ts';
import type { StreamEvent } from './event-stream.ts';
import { followEvents, type StreamState } from './follow.ts';
import { ApiError } from './server-error.ts';
import { type TopicEvent, type TopicHandler, TopicTable } from './topic-table.ts';

/** `paused`: the tab is hidden. `polling`: a stream does not come through, so what is new is asked for again and again. */
export type LiveState = StreamState | 'paused' | 'polling';

export interface LiveEventsOptions {
  readonly client: ApiClient;
  readonly isSignedIn: () => boolean;
  /** How long a topic stays after its last listener, so that a change of page does not end it. Not for logs. */
  readonly lingerMs?: number;
  /** How long a tab is hidden before it stops listening. */
  readonly hiddenMs?: number;
  readonly minRetryMs?: number;
  /** How long the first event of a stream may take; after that it is taken to be held back by a proxy. */
  readonly firstEventMs?: number;
  /** How long each answer gathers events while a stream does not come through, and how long until a stream is tried again. */
  readonly pollMs?: number;
  readonly retryStreamMs?: number;
  /** Defaults to the visibility of the page. */
  readonly visibility?: { isVisible(): boolean; onChange(listener: () => void): () => void };
}

const pageVisibility = {
  isVisible: () => document.visibilityState === 'visible',
  onChange(listener: () => void): () => void {
    document.addEventListener('visibilitychange', listener);
    return () => document.removeEventListener('visibilitychange', listener);
  },
};
/** Topics that change together are one change. */
const settleMs = 30;
const isLog = (topic: string) => topic.startsWith('logs');
const isSame = (a: ReadonlySet<string>, b: readonly string[]) => a.size === b.length && b.every((one) => a.has(one));

function parse(data: string): TopicEvent['data'] | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null ? (value as TopicEvent['data']) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The one event stream of a tab. Components say which topics they want; the stream is told when that changes, goes on where
 * it broke off, and rests while the tab is hidden.
 */
export class LiveEvents {
  readonly #options: LiveEventsOptions;
  readonly #table = new TopicTable();
  readonly #listeners = new Set<() => void>();
  #state: LiveState = 'closed';
  #stop: (() => void) | undefined;
  /** Tells what a connection of before still says from what the present one does. */
  #connection = 0;
  /** Of the open stream; its topics are changed by it. */
  #stream: string | undefined;
  /** What the platform was asked to carry last. */
  #asked: ReadonlySet<string> = new Set();
  /** Logs that were left and asked for again: the platform has to begin with them anew, for the lines of the past. */
  readonly #renewed = new Set<string>();
  #lastEventId: string | undefined;
  #settling: ReturnType<typeof setTimeout> | undefined;
  #hiding: ReturnType<typeof setTimeout> | undefined;
  #isHidden = false;
  #isChanging = false;
  /** A stream does not come through. */
  #isPolling = false;
  #version: string | undefined;

  constructor(options: LiveEventsOptions) {
    this.#options = options;
    const visibility = options.visibility ?? pageVisibility;
    visibility.onChange(() => this.#onVisibility(visibility.isVisible()));
    this.#isHidden = !visibility.isVisible();
  }

  readonly state = (): LiveState => this.#state;

  /** Of the platform, as it said last. */
  readonly version = (): string | undefined => this.#version;

  /** Calls `listener` when the state or the version changes. */
  readonly watch = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Hears of a topic until the returned function is called. */
  subscribe(topic: string, handler: TopicHandler): () => void {
    this.#table.add(topic, handler);
    this.#adjust();
    return () => {
      const lingerMs = isLog(topic) ? 0 : (this.#options.lingerMs ?? 3000);
      this.#table.remove(topic, handler, lingerMs, () => {
        if (isLog(topic) && this.#asked.has(topic)) this.#renewed.add(topic);
        this.#adjust();
      });
    };
  }

  /** Begins anew, as somebody else or in another project. */
  reset(): void {
    this.#close('closed');
    this.#lastEventId = undefined;
    this.#table.forgetRefusals();
    this.#adjust();
  }

  #adjust(): void {
    const isWanted = this.#options.isSignedIn() && this.#table.wanted.length > 0;
    if (!isWanted) this.#close('closed');
    else if (this.#isHidden) this.#close('paused');
    else this.#settle();
  }

  #onVisibility(isVisible: boolean): void {
    clearTimeout(this.#hiding);
    if (isVisible) {
      this.#isHidden = false;
      this.#adjust();
      return;
    }
    this.#hiding = setTimeout(() => {
      this.#isHidden = true;
      this.#adjust();
    }, this.#options.hiddenMs ?? 30_000);
  }

  #settle(): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      if (this.#stop === undefined) this.#open();
      else void this.#change();
    }, settleMs);
  }

  #open(): void {
    const connection = ++this.#connection;
    const isPresent = () => connection === this.#connection;
    const { pollMs = 1500, firstEventMs = 8000, retryStreamMs = 600_000 } = this.#options;
    const isPolling = this.#isPolling;
    const pollsUntil = Date.now() + retryStreamMs;
    const turnTo = (polling: boolean) => {
      if (!isPresent()) return;
      this.#isPolling = polling;
      this.#close('connecting');
      this.#adjust();
    };
    this.#stop = followEvents({
      client: this.#options.client,
      ...(isPolling ? { pollMs: this.#options.minRetryMs ?? 500 } : { firstEventMs, onHeld: () => turnTo(true) }),
      path: () => {
        const topics = this.#table.wanted;
        this.#stream = undefined;
        this.#asked = new Set(topics);
        this.#renewed.clear();
        return apiPaths.events(topics, isPolling ? pollMs : undefined);
      },
      silenceMs: 45_000,
      ...(this.#lastEventId === undefined ? {} : { lastEventId: this.#lastEventId }),
      ...(this.#options.minRetryMs === undefined ? {} : { minRetryMs: this.#options.minRetryMs }),
      onEvents: (events) => {
        if (!isPresent()) return;
        this.#take(events);
        if (!isPolling) return;
        if (Date.now() < pollsUntil) this.#polled();
        else turnTo(false);
      },
      onState: (state) => {
        if (!isPresent()) return;
        if (state !== 'open') this.#stream = undefined;
        // One answer after the other is no news; that none comes is.
        if (!isPolling || state === 'waiting') this.#show(state);
      },
      onRefused: (error) => {
        if (isPresent()) this.#refuseAll(error);
      },
    });
  }

  #close(state: LiveState): void {
    clearTimeout(this.#settling);
    this.#settling = undefined;
    this.#connection++;
    this.#stop?.();
    this.#stop = undefined;
    this.#stream = undefined;
    this.#asked = new Set();
    this.#show(state);
  }

  #take(events: readonly StreamEvent[]): void {
    const ofTopics: TopicEvent[] = [];
    for (const { event, id, data } of events) {
      this.#lastEventId = id ?? this.#lastEventId;
      const parsed = parse(data);
      if (parsed === undefined) continue;
      if (event === 'open') this.#opened(parsed as unknown as OpenStream);
      else if (event === 'closed') this.#table.refuse(parsed as RefusedTopic);
      else if ('topic' in parsed) ofTopics.push({ kind: event, data: parsed });
    }
    this.#table.deliver(ofTopics);
  }

  #polled(): void {
    // The next answer carries what is wanted then.
    this.#stream = undefined;
    this.#show('polling');
  }

  #opened({ stream, refused, version }: OpenStream): void {
    this.#stream = stream;
    const isNews = this.#version !== version;
    this.#version = version;
    if (isNews) this.#notify();
    for (const one of refused) this.#table.refuse(one);
    // What was asked for while it opened.
    this.#adjust();
  }

  /** No topic could be had; with others it may be tried again. */
  #refuseAll(error: ApiError): void {
    const { status } = error;
    const { code = 'refused', detail = error.message } = error.problem ?? {};
    const asked = this.#asked;
    this.#close('closed');
    for (const topic of asked) this.#table.refuse({ topic, status, code, detail });
    this.#adjust();
  }

  /** Tells the platform what the open stream is to carry; one change at a time. */
  async #change(): Promise<void> {
    const stream = this.#stream;
    if (this.#isChanging || stream === undefined) return;
    this.#isChanging = true;
    try {
      while (this.#stream === stream) {
        const wanted = this.#table.wanted.filter((topic) => !this.#renewed.has(topic));
        if (this.#renewed.size === 0 && isSame(this.#asked, wanted)) break;
        this.#renewed.clear();
        this.#asked = new Set(wanted);
        const path = apiPaths.eventTopics(stream);
        const answer = await this.#options.client.json<OpenStream>('PUT', path, { body: { topics: wanted } });
        if (this.#stream !== stream) break;
        for (const one of answer.refused) this.#table.refuse(one);
      }
    } catch (error) {
      if (this.#stream === stream) this.#reopen(error);
    } finally {
      this.#isChanging = false;
    }
  }

  /** The stream is not there any more, or nobody answers: a new one goes on where this one was. */
  #reopen(error: unknown): void {
    const waitMs = error instanceof ApiError && error.status === 404 ? 0 : 1000;
    this.#close('waiting');
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      this.#adjust();
    }, waitMs);
  }

  #show(state: LiveState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#notify();
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
