import type { ApiClient } from './client.ts';
import { EventStreamParser, type StreamEvent } from './event-stream.ts';
import { ApiError } from './server-error.ts';

export type StreamState = 'connecting' | 'open' | 'waiting' | 'closed';

export interface FollowOptions {
  readonly client: ApiClient;
  /** Asked for each connection. */
  readonly path: () => string;
  readonly lastEventId?: string;
  /** Called with everything that arrived together, so that a flood costs one update per frame. */
  readonly onEvents: (events: readonly StreamEvent[]) => void;
  readonly onState?: (state: StreamState) => void;
  /** The platform said that this can never work (4xx); the stream is over. */
  readonly onRefused?: (error: ApiError) => void;
  readonly minRetryMs?: number;
  readonly maxRetryMs?: number;
  /** An event or comment is due within this; silence longer than it means a dead connection. */
  readonly silenceMs?: number;
  /** The first event is due within this; without one, somebody in between holds the stream back, and it is over. */
  readonly firstEventMs?: number;
  readonly onHeld?: () => void;
  /** The platform ends each stream by itself, and is asked again after so long: nothing is wrong with that. */
  readonly pollMs?: number;
}

/** Waits, or returns early when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}

async function readStream(
  response: Response,
  parser: EventStreamParser,
  options: FollowOptions,
  touch: () => void,
  remember: (id: string) => void,
): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) return;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    touch();
    const events = parser.push(value);
    if (events.length === 0) continue;
    const id = events.at(-1)?.id;
    if (id !== undefined) remember(id);
    options.onEvents(events);
  }
}

const isFinal = (error: unknown): error is ApiError =>
  error instanceof ApiError &&
  error.status >= 400 &&
  error.status < 500 &&
  error.status !== 429 &&
  error.status !== 408;

/**
 * Follows a `text/event-stream` over fetch (EventSource cannot send a token): reconnects with growing, jittered waits and
 * `Last-Event-ID` until the returned function is called.
 */
export function followEvents(options: FollowOptions): () => void {
  const stop = new AbortController();
  const minRetryMs = options.minRetryMs ?? 500;
  const maxRetryMs = options.maxRetryMs ?? 15_000;
  let lastEventId = options.lastEventId;
  let retryMs = minRetryMs;

  async function connectOnce(): Promise<void> {
    const attempt = new AbortController();
    const signal = AbortSignal.any([stop.signal, attempt.signal]);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let hasEvents = false;
    const { firstEventMs, onHeld } = options;
    const giveUp = () => {
      if (hasEvents) return;
      stop.abort();
      onHeld?.();
    };
    const held = firstEventMs === undefined ? undefined : setTimeout(giveUp, firstEventMs);
    const touch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => attempt.abort(), options.silenceMs ?? 45_000);
    };
    try {
      touch();
      const headers: Record<string, string> = { accept: 'text/event-stream' };
      if (lastEventId !== undefined) headers['last-event-id'] = lastEventId;
      const response = await options.client.send('GET', options.path(), { headers, signal });
      options.onState?.('open');
      retryMs = minRetryMs;
      const parser = new EventStreamParser();
      await readStream(response, parser, options, touch, (id) => {
        hasEvents = true;
        lastEventId = id;
      });
      retryMs = Math.max(retryMs, parser.retryMs ?? 0);
    } finally {
      clearTimeout(timer);
      clearTimeout(held);
      attempt.abort();
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      options.onState?.('connecting');
      try {
        await connectOnce();
        if (options.pollMs !== undefined) {
          await pause(options.pollMs, stop.signal);
          continue;
        }
      } catch (error) {
        if (stop.signal.aborted) break;
        if (isFinal(error)) {
          options.onRefused?.(error);
          break;
        }
      }
      if (stop.signal.aborted) break;
      options.onState?.('waiting');
      await pause(retryMs * (0.75 + Math.random() / 2), stop.signal);
      retryMs = Math.min(retryMs * 2, maxRetryMs);
    }
    options.onState?.('closed');
  }

  run().catch(() => options.onState?.('closed'));
  return () => stop.abort();
}
