import type { FunctionId, InvocationId, VersionId } from '../../../shared/ids.ts';
import type { InvocationError, TriggerKind } from '../../../shared/invocation.ts';
import type { InvocationReport } from '../invocation.ts';
import type { KeptRequest } from '../kept-request.ts';

/** What is stored of an asynchronous call before 202 is answered. */
export interface NewAsyncInvocation {
  readonly id: InvocationId;
  readonly functionId: FunctionId;
  readonly functionName: string;
  readonly versionId: VersionId;
  readonly version: number;
  readonly qualifier: string;
  readonly trigger: TriggerKind;
  /** JSON text. */
  readonly payload: Buffer;
  readonly acceptedAt: number;
  readonly runAt: number;
  readonly maxAttempts: number;
  /** No attempt after this (Clock.now). */
  readonly expiresAt: number;
  readonly idempotencyKey: string | undefined;
  readonly traceparent: string | undefined;
  readonly depth: number;
  readonly replayOf: InvocationId | undefined;
  /** It replays a call over HTTP: the function is given this instead of an event; `payload` is its body. */
  readonly request?: KeptRequest | undefined;
}

/** A leased invocation. The token fences: whoever holds an older one can no longer settle. */
export interface Claim {
  readonly item: NewAsyncInvocation;
  readonly attempt: number;
  readonly token: string;
  readonly leaseExpiresAt: number;
}

/** Of one project, of one function, or all. */
export interface DeadLetterFilter {
  readonly project?: string | undefined;
  readonly functionId?: FunctionId | undefined;
}

export type DeadLetterReason = 'attempts-exhausted' | 'too-old' | 'function-deleted';

/** What becomes of a claimed invocation. The report of the attempt is stored with it, in the same transaction. */
export type Disposition =
  | { readonly kind: 'done'; readonly report: InvocationReport; readonly result: Buffer | undefined }
  | {
      readonly kind: 'retry';
      readonly runAt: number;
      readonly report: InvocationReport | undefined;
      readonly error: InvocationError | undefined;
    }
  | {
      readonly kind: 'dead-letter';
      readonly reason: DeadLetterReason;
      readonly report: InvocationReport | undefined;
      readonly error: InvocationError | undefined;
    }
  | { readonly kind: 'cancelled'; readonly report: InvocationReport | undefined }
  /** Gives the claim back without counting an attempt, for example when the platform drains. */
  | { readonly kind: 'release' };

export interface EnqueueResult {
  readonly id: InvocationId;
  readonly isDuplicate: boolean;
}

/** The durable queue: leased, fenced, at-least-once. Every method resolves only when its effect is on disk. */
export interface InvocationQueue {
  /** Rejects with `unprocessable`/`idempotency_key_reused` when the function has the key already with another payload. */
  enqueue(item: NewAsyncInvocation): Promise<EnqueueResult>;
  /**
   * Leases up to `max` invocations that are due, oldest first. `except` names functions that have their share already, or are
   * disabled: theirs stay, so that a long backlog of one function does not keep those of others waiting.
   */
  claim(
    owner: string,
    max: number,
    leaseMs: number,
    now: number,
    except?: readonly FunctionId[],
  ): Promise<readonly Claim[]>;
  /** False: the lease was lost. */
  extend(claim: Claim, leaseExpiresAt: number): Promise<boolean>;
  /** False: the lease was lost and nothing was changed. */
  settle(claim: Claim, disposition: Disposition, now: number): Promise<boolean>;
  /** Cancels one that waits. False when it is running, over or unknown. */
  cancel(id: InvocationId, now: number): Promise<boolean>;
  /** Makes all leases of a platform process that is gone due at once; returns how many. */
  releaseOwned(exceptOwner: string): Promise<number>;
  /** How many wait: of all functions, of one, or of these together. */
  depth(of?: FunctionId | readonly FunctionId[]): Promise<number>;
  /** Since when the one that is due longest is due (Clock.now), of these functions or of all; one that waits for its time or its next attempt counts from then on. Undefined: none waits. */
  oldestDueAt(of: readonly FunctionId[] | undefined): Promise<number | undefined>;
  /** When the next invocation of any function but these becomes due (Clock.now), or undefined when there is none. */
  nextDueAt(except?: readonly FunctionId[]): Promise<number | undefined>;
  /** Called in this process after something became due; returns the unsubscriber. */
  onReady(wake: () => void): () => void;
}
