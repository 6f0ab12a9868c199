import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EventsQuery, OpenStream, RefusedTopic } from '../../../shared/api/events.ts';
import { PlatformError } from '../../../shared/errors.ts';
import { callerOf } from '../caller.ts';
import type { ApiContext } from '../context.ts';
import type { EventStream } from '../sse.ts';
import { parseCursor } from './cursor.ts';
import { EventHub } from './event-hub.ts';
import { type ResolvedTopic, TopicCatalog } from './topic-catalog.ts';
import { checkCount, refusalOf, TopicStream } from './topic-stream.ts';

interface Choice {
  readonly carried: readonly ResolvedTopic[];
  readonly refused: readonly RefusedTopic[];
  readonly firstError: unknown;
}

/** The streams of many topics that are open. */
export class TopicStreams {
  readonly #context: ApiContext;
  readonly #catalog: TopicCatalog;
  readonly #hub: EventHub;
  readonly #open = new Map<string, TopicStream>();

  constructor(context: ApiContext) {
    this.#context = context;
    this.#catalog = new TopicCatalog(context);
    this.#hub = new EventHub({ clock: context.clock });
  }

  /** Answers with a stream, which ends after `forMs`; throws why the first topic is refused where all of them are. */
  open(request: FastifyRequest, reply: FastifyReply, { topic: texts, forMs }: EventsQuery): EventStream {
    const { carried, refused, firstError } = this.#choose(request, texts);
    if (carried.length === 0) throw firstError;
    checkCount(carried);
    const { streams, logs, logger, clock, facts } = this.#context;
    const stream = streams.open(request, reply);
    const lastEventId = request.headers['last-event-id'];
    const topicStream = new TopicStream({
      stream,
      request,
      version: facts.version,
      hub: this.#hub,
      logs,
      logger,
      resolve: (asked, text) => this.#catalog.resolve(asked, text),
      cursor: parseCursor(typeof lastEventId === 'string' ? lastEventId : undefined),
    });
    this.#open.set(topicStream.id, topicStream);
    stream.onClose(() => this.#open.delete(topicStream.id));
    topicStream.begin(carried, refused);
    if (forMs !== undefined) stream.onClose(clock.after(forMs, () => stream.end()));
    return stream;
  }

  /** Throws `not_found`/`stream_not_found`, also for a stream of somebody else, or of another project. */
  change(request: FastifyRequest, id: string, texts: readonly string[]): OpenStream {
    const stream = this.#open.get(id);
    if (stream === undefined || !isSameCaller(stream.request, request)) {
      throw new PlatformError('not_found', 'stream_not_found', 'there is no such event stream; open one');
    }
    const { carried, refused } = this.#choose(request, texts);
    return stream.change(carried, refused);
  }

  close(): void {
    this.#hub.close();
  }

  #choose(request: FastifyRequest, texts: readonly string[]): Choice {
    const carried: ResolvedTopic[] = [];
    const refused: RefusedTopic[] = [];
    let firstError: unknown;
    for (const text of new Set(texts)) {
      try {
        carried.push(this.#catalog.resolve(request, text));
      } catch (error) {
        refused.push(refusalOf(text, error));
        firstError ??= error;
      }
    }
    return { carried, refused, firstError };
  }
}

function isSameCaller(a: FastifyRequest, b: FastifyRequest): boolean {
  const [one, other] = [callerOf(a), callerOf(b)];
  return one.id === other.id && one.project === other.project && one.isProjectNamed === other.isProjectNamed;
}
