import { PlatformError } from '../../../shared/errors.ts';
import type { InstanceId, VersionId } from '../../../shared/ids.ts';
import type { InvocationOutcome, StartKind } from '../../../shared/invocation.ts';
import type { CancelSignal } from '../cancel-signal.ts';
import type { Invocation, ResponseSink } from '../invocation.ts';
import type { KeepAlivePlan } from '../policies/keep-alive.ts';
import type { ScaleDecision } from '../policies/scaling.ts';
import type { VersionSpec } from '../version.ts';
import type { ResourceUsage } from './sandbox.ts';

export type InstanceState = 'starting' | 'idle' | 'busy' | 'paused' | 'draining' | 'dead';

/** How one attempt went inside an instance. Times in ms from the INVOKE frame, or from READY when that came later. */
export interface InstanceResult {
  readonly outcome: InvocationOutcome;
  /** Clock.monotonic() of the INVOKE frame, or of READY when that came later, or of the refusal to send one. */
  readonly startedMs: number;
  readonly httpStatus: number | undefined;
  readonly firstByteMs: number;
  readonly handlerMs: number;
  readonly cpuMs: number;
  readonly peakMemoryBytes: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** A call as an instance takes it. */
export interface InstanceCall {
  readonly invocation: Invocation;
  readonly sink: ResponseSink;
  /** Aborted when the caller is gone: the handler's AbortSignal fires. */
  readonly signal: CancelSignal;
}

/** A call that is in an instance and that its caller waits for. */
export interface RunningCall {
  readonly invocation: Invocation;
  readonly instanceId: InstanceId;
  /** Clock.monotonic() of the INVOKE frame. */
  readonly startedMs: number;
  /** Ends it as if its caller had left, with this reason; nothing when it is over. */
  cancel(reason: string): void;
  /** Ends it because the platform does: the caller hears that, and may try again. Nothing when it is over. */
  interrupt(): void;
}

/** A sandbox with one version loaded. */
export interface Instance {
  readonly id: InstanceId;
  readonly version: VersionSpec;
  readonly state: InstanceState;
  readonly inFlight: number;
  /** Never rejects: what goes wrong is the result's outcome. Enforces the deadline by itself. */
  invoke(call: InstanceCall): Promise<InstanceResult>;
  /** The calls travel in one frame; each has its own result, in order. */
  invokeBatch(calls: readonly InstanceCall[]): readonly Promise<InstanceResult>[];
}

/** How long the parts of obtaining a lease took; all 0 for a warm start. */
export interface StartPhases {
  readonly acquireMs: number;
  readonly bootMs: number;
  readonly loadMs: number;
  readonly initMs: number;
}

/** What `acquire` rejects with when the start that it waited for failed: why, and how long each step took as far as it came. */
export class FailedStart extends PlatformError {
  readonly phases: StartPhases;

  constructor(why: PlatformError, phases: StartPhases) {
    const { issues, retryAfterSeconds, detail, cause } = why;
    super(why.kind, why.code, why.message, {
      issues,
      detail,
      cause,
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    });
    this.phases = phases;
  }
}

/** The right to run one invocation (or `slots` of them) in an instance. Release exactly once. */
export interface Lease {
  readonly instance: Instance;
  readonly start: StartKind;
  readonly phases: StartPhases;
  /** Of the call that `acquire` was given, when it is in the instance already: it must not be given to it again. */
  readonly ahead?: Promise<InstanceResult> | undefined;
  /** `broken` destroys the instance. */
  release(verdict: 'healthy' | 'broken'): void;
}

export interface InstanceView {
  readonly id: InstanceId;
  readonly state: InstanceState;
  readonly inFlight: number;
  readonly start: StartKind;
  readonly createdAt: number;
  readonly invocations: number;
  readonly usage: ResourceUsage;
}

/** How long idle instances of a version are kept, and why. */
interface KeepAliveView extends KeepAlivePlan {
  /** Idle times that it was decided from. */
  readonly samples: number;
  /** How long the version was not called, undefined while calls run or wait. */
  readonly quietMs: number | undefined;
  /** Calls after a quiet time that found an instance waiting, and the memory limits of idle instances times their time. */
  readonly coldStartsAvoided: number;
  readonly idleMbHours: number;
}

export interface PoolView {
  readonly version: VersionSpec;
  readonly instances: readonly InstanceView[];
  readonly waiting: number;
  readonly keepAlive: KeepAliveView;
  /** Copies that were restored ahead and stand still, and what they are counted with. */
  readonly pausedCopies: { readonly count: number; readonly memoryMb: number };
  /** What the scaling policy says now. */
  readonly scaling: ScaleDecision;
}

export interface PreWarmedView {
  readonly runtime: string;
  readonly isolation: string;
  readonly count: number;
}

/**
 * Owns every instance. `acquire` rejects with a PlatformError: `unavailable` (`driver_unhealthy`, `capacity`, `draining`,
 * `start_failed`, `start_timeout`, `acquire_aborted`, or `init_circuit_open` with retryAfterSeconds after several failed starts in a row),
 * `unprocessable` (the driver cannot enforce a limit), or `function_error` with code `init_failed` / `init_timeout` / `exited` /
 * `out_of_memory` and detail {type, message, stack} when the version cannot start.
 */
export interface InstancePool {
  /** A warm lease without waiting, or undefined. The hot path. */
  tryAcquire(version: VersionSpec, slots?: number): Lease | undefined;
  /**
   * Waits for whatever comes first: a slot that becomes free, or a new instance. `ahead` is what the lease is for, when it may travel behind
   * INIT already: with a start of its own it then belongs to that one. It does not run when `acquire` rejects before the instance is ready.
   */
  acquire(version: VersionSpec, signal: AbortSignal, slots?: number, ahead?: () => InstanceCall): Promise<Lease>;
  /** How far the start that began first has come, or undefined when none is under way: for a call that gives up its wait. */
  startUnderWay(version: VersionSpec): StartPhases | undefined;
  /** Keeps `minInstances` of these versions warm from now on, and of no others. */
  provision(versions: readonly VersionSpec[]): void;
  /** These versions may be called now for the first time: what can be read of them ahead of a start is read in the background. */
  expect(versions: readonly VersionSpec[]): void;
  /** No new leases; instances end when their invocations have. */
  retireVersion(versionId: VersionId, reason: string): Promise<void>;
  /** Instances that are there or are starting get no calls any more and end when theirs have; calls from now on get new ones. */
  recycle(versions: ReadonlySet<VersionId>, reason: string): void;
  /** Every call that runs in an instance now, of all triggers: read from the instances, so that calls need not be counted for it. */
  running(): Iterable<RunningCall>;
  pools(): readonly PoolView[];
  preWarmed(): readonly PreWarmedView[];
  start(): Promise<void>;
  /** Waits for running invocations until `deadlineAt` (Clock.now), then destroys everything. */
  drain(deadlineAt: number): Promise<void>;
}
