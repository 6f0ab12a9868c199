import { randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { OpenStream, RefusedTopic } from '../../../shared/api/events.ts';
import { PlatformError } from '../../../shared/errors.ts';
import { maxLogTopics } from '../../../shared/topics.ts';
import type { LogReader } from '../../core/ports/log-sink.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { mapError } from '../error-mapping.ts';
import type { EventStream } from '../sse.ts';
import { type Cursor, cursorKeyOf } from './cursor.ts';
import type { EventHub } from './event-hub.ts';
import type { Feed, Outlet } from './feed.ts';
import { LogFeed } from './log-feed.ts';
import { RingFeed } from './ring-feed.ts';
import type { ResolvedTopic } from './topic-catalog.ts';

export interface TopicStreamOptions {
  readonly stream: EventStream;
  /** Who opened it; topics are looked at again in its name. */
  readonly request: FastifyRequest;
  /** Of the platform. */
  readonly version: string;
  readonly hub: EventHub;
  readonly logs: LogReader;
  readonly logger: Logger;
  /** Throws a PlatformError for what the caller may not have, or is not there. */
  readonly resolve: (request: FastifyRequest, topic: string) => ResolvedTopic;
  /** How far the reader had come before. */
  readonly cursor: Cursor | undefined;
}

interface Carried {
  readonly resolved: ResolvedTopic;
  readonly feed: Feed;
}

/** One connection that carries many topics, which may change while it is open. */
export class TopicStream implements Outlet {
  readonly id = `evs_${randomBytes(16).toString('hex')}`;
  readonly request: FastifyRequest;
  readonly #options: TopicStreamOptions;
  readonly #carried = new Map<string, Carried>();

  constructor(options: TopicStreamOptions) {
    this.#options = options;
    this.request = options.request;
    const { stream } = options;
    stream.onDrain(() => this.#pump());
    stream.onCheck(() => this.#checkTopics());
    stream.onClose(() => {
      for (const { feed } of this.#carried.values()) feed.close();
      this.#carried.clear();
    });
  }

  get isBlocked(): boolean {
    return this.#options.stream.isBlocked;
  }

  send(kind: string, json: string): void {
    this.#options.stream.write(kind, this.#cursorText(), json);
  }

  drained(): Promise<void> {
    const { stream } = this.#options;
    if (!stream.isBlocked || stream.isClosed) return Promise.resolve();
    const { body } = stream;
    return new Promise((resolve) => {
      const done = () => {
        body.off('drain', done);
        body.off('close', done);
        resolve();
      };
      body.on('drain', done);
      body.on('close', done);
    });
  }

  /** Says what the stream carries and why not the rest; then events come. */
  begin(topics: readonly ResolvedTopic[], refused: readonly RefusedTopic[]): void {
    const { cursor } = this.#options;
    this.#add(topics, cursor);
    this.send('open', JSON.stringify(this.#opened(refused)));
    this.#pump();
  }

  /** From now on these topics, and no others; those that it carried before go on undisturbed. */
  change(topics: readonly ResolvedTopic[], refused: readonly RefusedTopic[]): OpenStream {
    checkCount(topics);
    const wanted = new Set(topics.map(({ text }) => text));
    for (const text of [...this.#carried.keys()]) if (!wanted.has(text)) this.#drop(text);
    this.#add(topics, undefined);
    this.#pump();
    return this.#opened(refused);
  }

  #opened(refused: readonly RefusedTopic[]): OpenStream {
    const { version } = this.#options;
    return { stream: this.id, version, topics: [...this.#carried.keys()], refused: [...refused] };
  }

  #add(topics: readonly ResolvedTopic[], cursor: Cursor | undefined): void {
    for (const resolved of topics) {
      if (this.#options.stream.isClosed) return;
      if (this.#carried.has(resolved.text)) continue;
      this.#carried.set(resolved.text, { resolved, feed: this.#feedOf(resolved, cursor) });
    }
  }

  #feedOf(resolved: ResolvedTopic, cursor: Cursor | undefined): Feed {
    const { hub, logs } = this.#options;
    const topic = resolved.text;
    const cursorKey = cursorKeyOf(topic);
    const position = cursor?.positions.get(cursorKey);
    if (resolved.kind === 'logs') {
      const { scope, tail } = resolved;
      const onFailed = (error: unknown) => this.#fail(topic, error);
      return new LogFeed({ logs, outlet: this, topic, cursorKey, scope, tail, from: position, onFailed });
    }
    const { key, source } = resolved;
    const from = cursor === undefined || position === undefined ? undefined : { epoch: cursor.epoch, position };
    return new RingFeed({ hub, outlet: this, topic, cursorKey, key, source, from });
  }

  #pump(): void {
    for (const { feed } of [...this.#carried.values()]) feed.pump();
  }

  #drop(text: string): void {
    this.#carried.get(text)?.feed.close();
    this.#carried.delete(text);
  }

  /** A role may have been taken away, a function deleted. */
  #checkTopics(): void {
    for (const [text, { resolved }] of [...this.#carried]) {
      try {
        const now = this.#options.resolve(this.request, text);
        if (now.functionId === resolved.functionId) continue;
        throw new PlatformError('not_found', 'function_not_found', 'this function was deleted');
      } catch (error) {
        this.#closeTopic(refusalOf(text, error));
      }
    }
  }

  #fail(text: string, error: unknown): void {
    if (!(error instanceof PlatformError)) {
      this.#options.logger.error({ err: error, requestId: this.request.id }, 'a topic of an event stream broke off');
      // The reader comes back and goes on where it was.
      this.#options.stream.end();
      return;
    }
    this.#closeTopic(refusalOf(text, error));
  }

  #closeTopic(refused: RefusedTopic): void {
    this.#drop(refused.topic);
    this.send('closed', JSON.stringify(refused));
  }

  #cursorText(): string {
    let text = this.#options.hub.epoch;
    for (const { feed } of this.#carried.values()) {
      if (feed.position !== undefined) text += `~${feed.cursorKey}=${feed.position}`;
    }
    return text;
  }
}

/** Throws `invalid_request`/`too_many_topics`. */
export function checkCount(topics: readonly ResolvedTopic[]): void {
  if (topics.filter(({ kind }) => kind === 'logs').length <= maxLogTopics) return;
  const message = `a stream has at most ${maxLogTopics} topics of logs; ask for all functions, or open another stream`;
  throw new PlatformError('invalid_request', 'too_many_topics', message);
}

/** Why a topic is not carried; what is a fault of ours is thrown on. */
export function refusalOf(topic: string, error: unknown): RefusedTopic {
  if (!(error instanceof PlatformError)) throw error;
  const { status, code, detail } = mapError(error, '').problem;
  return { topic, status, code, detail };
}
