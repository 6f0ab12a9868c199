import type { Readable } from 'node:stream';
import type { InstanceId, InvocationId } from '../../shared/ids.ts';
import type { InvocationOutcome, StartKind, Timing, TriggerKind, Usage } from '../../shared/invocation.ts';
import type { BodyBeginning } from './body-beginning.ts';
import type { VersionSpec } from './version.ts';

/** A body that is whole, or one that is still arriving (then the protocol reads it under flow control). */
export type Body = Buffer | Readable;

/** What the function is given. */
export type InvocationRequest =
  | { readonly kind: 'event' /** JSON text; empty means null. */; readonly body: Buffer }
  | {
      readonly kind: 'http';
      readonly method: string;
      /** Path and query as the client sent them. */
      readonly target: string;
      /** Name, value, name, value …, hop-by-hop headers already removed. */
      readonly headers: readonly string[];
      readonly clientAddress: string;
      /** `http` or `https`, as the client sees it. */
      readonly scheme: string;
      readonly host: string;
      /** Parameters of the route that matched, for example `{id: "7"}`. */
      readonly params: Readonly<Record<string, string>>;
      readonly body: Body;
      /** Takes note of a body that is still arriving, where it may be kept. */
      readonly beginning?: BodyBeginning;
      /** The client asks for a WebSocket; the function may answer 101, and the bodies carry messages (docs/protocol.md). */
      readonly isWebSocket?: boolean;
    };

export type HttpRequest = Extract<InvocationRequest, { readonly kind: 'http' }>;

/** One attempt of one call on its way through scheduler, pool and protocol. */
export interface Invocation {
  readonly id: InvocationId;
  readonly version: VersionSpec;
  readonly qualifier: string;
  readonly trigger: TriggerKind;
  readonly request: InvocationRequest;
  /** `Clock.now()` when Hearth accepted it. */
  readonly acceptedAt: number;
  /** `Clock.monotonic()` when it entered the scheduler, for durations. */
  readonly enteredAt: number;
  /** `Clock.now()` at which the caller gives up; absolute, travels with the call. */
  readonly deadlineAt: number;
  /** `Clock.now()` at which it gives up waiting for an instance, where that is before its deadline. */
  readonly acquireBy?: number;
  /** 1 for the first. */
  readonly attempt: number;
  readonly traceparent: string | undefined;
  /** How many functions called functions to get here. */
  readonly depth: number;
  readonly replayOf: InvocationId | undefined;
}

export interface ResponseHead {
  /** HTTP status that the function chose; 200 for event results. */
  readonly status: number;
  /** Name, value, name, value …, as the function gave them; may repeat; already checked for legal characters. */
  readonly headers: readonly string[];
  /** The handler returned a plain value, and the body is its JSON. */
  readonly isEventResult: boolean;
}

/**
 * Where a response goes as it is produced. Called synchronously from the channel's parser: do not block, do not throw.
 * `head` comes once, before any chunk, and not at all if the invocation failed before it answered.
 */
export interface ResponseSink {
  head(head: ResponseHead): void;
  /** A promise means "full": the sender gets no more credit until it settles. `data` is the sink's to keep. */
  chunk(data: Buffer): Promise<void> | undefined;
  /** What came first, as far as the sink still holds it. Left out: nobody can look at it later. */
  seen?(): SeenResponse | undefined;
}

export interface SeenResponse {
  readonly head: ResponseHead;
  /** The beginning of the body, or all of it. */
  readonly body: Buffer | undefined;
}

/** How one attempt went, with everything that is recorded of it. */
export interface InvocationReport {
  readonly outcome: InvocationOutcome;
  readonly start: StartKind;
  readonly instanceId: InstanceId | undefined;
  readonly httpStatus: number | undefined;
  readonly timing: Timing;
  readonly usage: Usage;
  /** The call did not run itself: it was answered with the response of this invocation, which was the same call. */
  readonly answeredBy?: InvocationId;
}
