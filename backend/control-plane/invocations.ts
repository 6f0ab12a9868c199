import { isDraft } from '../../shared/drafts.ts';
import { PlatformError } from '../../shared/errors.ts';
import { type InvocationId, idPattern, newId } from '../../shared/ids.ts';
import { limits } from '../../shared/limits.ts';
import { projectOf } from '../../shared/names.ts';
import { type CallChain, withinChain } from '../core/call-chain.ts';
import { entryTimes } from '../core/entry-times.ts';
import type { Invocation, InvocationReport, InvocationRequest, ResponseSink } from '../core/invocation.ts';
import { type KeptRequest, replayObstacle } from '../core/kept-request.ts';
import { asyncInvocation } from '../core/policies/async-invocation.ts';
import type { CallChains } from '../core/ports/call-chains.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Resolution } from '../core/ports/function-directory.ts';
import type { InvocationJournal } from '../core/ports/invocation-journal.ts';
import type { Scheduler, SubmitResult } from '../core/ports/scheduler.ts';
import type {
  InvocationFilter,
  InvocationPayload,
  InvocationRecord,
  Page,
  PageRequest,
  Store,
} from '../core/ports/store.ts';
import { type Actor, auditRecord } from './audit.ts';
import type { InMemoryFunctionDirectory } from './function-directory.ts';

export interface InvocationsOptions {
  readonly store: Store;
  readonly directory: InMemoryFunctionDirectory;
  readonly scheduler: Pick<Scheduler, 'invoke' | 'submit' | 'cancel' | 'running' | 'findRunning' | 'leftOutAt'>;
  readonly journal: Pick<InvocationJournal, 'pending'>;
  /** Left out: every call begins a chain of its own. */
  readonly callChains?: Pick<CallChains, 'read'> | undefined;
  readonly clock: Clock;
}

/** What a caller sends along with a payload. */
export interface CallContext {
  readonly traceparent: string | undefined;
  /** The token that a calling function was given, if one calls. What is not of this platform is ignored. */
  readonly callChain: string | undefined;
}

export interface SubmitContext extends CallContext {
  readonly trigger: 'async' | 'schedule' | 'replay';
  readonly delayMs: number;
  readonly idempotencyKey: string | undefined;
  readonly replayOf: InvocationId | undefined;
  /** It replays a call over HTTP; the payload is its body. */
  readonly request?: KeptRequest | undefined;
}

export type StoredInvocation = InvocationRecord & Partial<InvocationPayload>;

/** Calls functions on behalf of API callers, and finds, cancels and replays what was called. */
export class Invocations {
  readonly #options: InvocationsOptions;
  /** Projects of synchronous calls through the API, which can be cancelled while they wait. */
  readonly #running = new Map<string, string>();

  constructor(options: InvocationsOptions) {
    this.#options = options;
  }

  /** Which version a call goes to. Throws `not_found` or `unavailable`/`function_disabled`. */
  resolve(functionName: string, qualifier: string): Resolution {
    return this.#options.directory.resolve(functionName, qualifier);
  }

  /** A synchronous call that is ready to run. */
  prepare({ version, qualifier }: Resolution, request: InvocationRequest, call: CallContext): Invocation {
    const { enteredAt, acceptedAt } = entryTimes(this.#options.clock);
    return {
      id: newId('invocation', acceptedAt),
      version,
      qualifier,
      trigger: 'api',
      request,
      acceptedAt,
      enteredAt,
      ...this.#bounds(call, acceptedAt + version.config.timeoutMs),
      attempt: 1,
      traceparent: call.traceparent,
      replayOf: undefined,
    };
  }

  /** Runs a prepared call; see `Scheduler.invoke`. */
  run(invocation: Invocation, sink: ResponseSink, signal: AbortSignal): Promise<InvocationReport> {
    this.#running.set(invocation.id, projectOf(invocation.version.functionName));
    return this.#options.scheduler.invoke(invocation, sink, signal).finally(() => this.#running.delete(invocation.id));
  }

  /** Resolves when the call is on disk. Rejects with `payload_too_large` or `unprocessable`/`idempotency_key_reused`. */
  async submit(resolution: Resolution, payload: Buffer, context: SubmitContext): Promise<SubmitResult> {
    if (payload.length > limits.maxAsyncPayloadBytes) {
      throw new PlatformError(
        'payload_too_large',
        'payload_too_large',
        `an asynchronous payload may have ${limits.maxAsyncPayloadBytes} bytes; this one has ${payload.length}`,
      );
    }
    const item = asyncInvocation(resolution, {
      now: this.#options.clock.now(),
      delayMs: context.delayMs,
      trigger: context.trigger,
      payload: payload.length === 0 && context.request === undefined ? Buffer.from('null') : payload,
      idempotencyKey: context.idempotencyKey,
      traceparent: context.traceparent,
      // It outlives its caller on purpose; only the depth goes on.
      depth: this.#bounds(context, Number.POSITIVE_INFINITY).depth,
      replayOf: context.replayOf,
      request: context.request,
    });
    return this.#options.scheduler.submit(item);
  }

  /** Of a project, newest first. Synchronous calls that run are on the first page, and take up at most half of it unless only running ones are asked for. */
  async list(
    project: string,
    { functionName, status, trigger, from, to, version, minDurationMs, search }: Partial<InvocationFilter>,
    page: PageRequest,
  ): Promise<Page<InvocationRecord>> {
    const filter = { project, functionName, status, trigger, from, to, version, minDurationMs, search };
    const running = page.cursor === undefined ? this.#runningOf(filter, page.limit) : [];
    const stored = await this.#options.store.invocations.list(filter, { ...page, limit: page.limit - running.length });
    if (running.length === 0) return stored;
    // Over and written meanwhile.
    const written = new Set(stored.items.map(({ id }) => id));
    const items = [...running.filter(({ id }) => !written.has(id)), ...stored.items];
    return { items: items.sort(newestFirst), nextCursor: stored.nextCursor };
  }

  /** When a call of this function, or of any of the project, last went without a record (`Scheduler.leftOutAt`). */
  leftOutAt(project: string, functionName: string | undefined): number | undefined {
    return this.#options.scheduler.leftOutAt((name) => projectOf(name) === project && (functionName ?? name) === name);
  }

  #runningOf(filter: InvocationFilter, limit: number): readonly InvocationRecord[] {
    const { project, functionName, status, trigger, version, search = '' } = filter;
    const { from = 0, to = Number.POSITIVE_INFINITY } = filter;
    // What runs has neither taken its time nor failed yet.
    if ((status !== undefined && status !== 'running') || filter.minDurationMs !== undefined) return [];
    const most = status === 'running' ? limit - 1 : Math.floor(limit / 2);
    const fits = (record: InvocationRecord): boolean =>
      projectOf(record.functionName) === project &&
      (functionName ?? record.functionName) === record.functionName &&
      (trigger ?? record.trigger) === record.trigger &&
      (version ?? record.version) === record.version &&
      (record.id.startsWith(search.toLowerCase()) || record.traceparent?.includes(search.toLowerCase()) === true) &&
      record.createdAt >= from &&
      record.createdAt < to;
    return this.#options.scheduler.running().filter(fits).sort(newestFirst).slice(0, most);
  }

  /** Also one that runs, or was over a moment ago and is not written yet. Rejects with `not_found`/`invocation_not_found`. */
  async get(project: string, id: string): Promise<StoredInvocation> {
    if (idPattern.test(id)) {
      const { scheduler, journal, store } = this.#options;
      const held = scheduler.findRunning(id) ?? journal.pending(id);
      const isOwn = held !== undefined && projectOf(held.functionName) === project;
      // One of another project takes the way of one that is not there, to the end.
      const found = isOwn ? held : await store.invocations.find(id as InvocationId, project);
      if (found !== undefined) return found;
    }
    throw new PlatformError(
      'not_found',
      'invocation_not_found',
      'there is no such invocation; it may have expired, a synchronous call may still wait for an instance, and of many calls with success in a second not each is recorded (HEARTH_RECORDS_PER_SECOND)',
    );
  }

  /** What was kept of a call over HTTP, or of a replay of one. Rejects with `not_found`: `invocation_not_found` or `request_not_kept`. */
  async request(project: string, id: string): Promise<KeptRequest> {
    const { request } = await this.get(project, id);
    if (request !== undefined) return request;
    const message =
      'no request was kept of it: it was no call over HTTP, its version does not keep it, or it is too old';
    throw new PlatformError('not_found', 'request_not_kept', message);
  }

  /** Cancels one that waits or runs. Rejects with `conflict`/`invocation_over` when it is too late. */
  async cancel(project: string, id: string, actor: Actor): Promise<void> {
    const { scheduler, store, clock } = this.#options;
    const running = this.#running.get(id);
    if (running !== project) await this.get(project, id);
    if (!(await scheduler.cancel(id as InvocationId))) {
      const { status } = await this.get(project, id);
      throw new PlatformError('conflict', 'invocation_over', `it is over already: ${status}`);
    }
    await store.audit.append(auditRecord(clock.now(), actor, 'invocation.cancel', id));
  }

  /** Runs it once more with what was kept of it, asynchronously, on whatever its qualifier means now. */
  async replay(project: string, id: string, actor: Actor): Promise<SubmitResult> {
    const { store, clock } = this.#options;
    const original = await this.get(project, id);
    if (isDraft(original)) {
      const message = 'it ran a draft; call the draft again, or deploy it and call the function';
      throw new PlatformError('conflict', 'draft_not_replayed', message);
    }
    const { payload, request } = whatToReplay(original);
    const resolution = this.resolve(original.functionName, original.qualifier);
    const submitted = await this.submit(resolution, payload, {
      trigger: 'replay',
      delayMs: 0,
      idempotencyKey: undefined,
      traceparent: undefined,
      callChain: undefined,
      replayOf: original.id,
      request,
    });
    await store.audit.append(auditRecord(clock.now(), actor, 'invocation.replay', id, { replay: submitted.id }));
    return submitted;
  }

  #bounds({ callChain }: CallContext, deadlineAt: number): CallChain {
    const caller = callChain === undefined ? undefined : this.#options.callChains?.read(callChain);
    return withinChain(caller, deadlineAt);
  }
}

/** Throws `conflict`: `payload_not_kept`, `request_cut` or `request_masked`. */
function whatToReplay({ payload, request }: StoredInvocation) {
  if (request === undefined) {
    if (payload !== undefined) return { payload, request };
    const message =
      'its payload was not kept, so it cannot be replayed: see `capture` of its version for calls over HTTP';
    throw new PlatformError('conflict', 'payload_not_kept', message);
  }
  const obstacle = replayObstacle(request);
  if (obstacle !== undefined) throw new PlatformError('conflict', obstacle, obstacleTexts[obstacle]);
  // What came of the first one is not what comes of this one.
  return { payload: request.body, request: { ...request, response: undefined } };
}

const obstacleTexts = {
  request_cut: 'its body was longer than `capture.maxBytes` of its version and was cut, so it cannot be replayed',
  request_masked: 'a credential was taken out of its path or body, so it is not the same request any more',
};

const newestFirst = (a: InvocationRecord, b: InvocationRecord): number => b.createdAt - a.createdAt;
