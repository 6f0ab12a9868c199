import type {
  BundleDigest,
  FunctionId,
  InstanceId,
  InvocationId,
  RouteId,
  SandboxId,
  ScheduleId,
  TokenId,
  VersionId,
} from '../../../shared/ids.ts';
import type {
  InvocationError,
  InvocationStatus,
  StartKind,
  Timing,
  TriggerKind,
  Usage,
} from '../../../shared/invocation.ts';
import type { TokenScope } from '../../../shared/roles.ts';
import type { VersionConfig } from '../../../shared/version-config.ts';
import type { KeptRequest } from '../kept-request.ts';
import type { CanaryAbort, CanaryGuard } from '../policies/canary.ts';
import type { AlertStore } from './alert-store.ts';
import type { AliasStore } from './alias-store.ts';
import type { AuditStore } from './audit-store.ts';
import type { StoreCopy } from './backups.ts';
import type { BuildStore } from './build-store.ts';
import type { CanaryAbortStore } from './canary-aborts.ts';
import type { DocumentStore } from './document-store.ts';
import type { EgressRefusalStore } from './egress-refusals.ts';
import type { ErrorGroupStore } from './error-groups.ts';
import type { DeadLetterFilter, DeadLetterReason, InvocationQueue } from './invocation-queue.ts';
import type { LogStore } from './log-store.ts';
import type { ProjectStore } from './project-store.ts';
import type { SandboxHandle } from './sandbox.ts';
import type { TestEventStore } from './test-events.ts';
import type { SessionStore, SignInFailureStore, UserStore } from './user-store.ts';

/**
 * Everything durable, one small interface per aggregate. Every write resolves only when it is on disk. Times are Clock.now
 * milliseconds. One conformance suite (tests/conformance/store-suite.ts) holds for every implementation.
 */
export interface Store {
  readonly functions: FunctionStore;
  readonly versions: VersionStore;
  readonly aliases: AliasStore;
  readonly routes: RouteStore;
  readonly schedules: ScheduleStore;
  readonly invocations: InvocationStore;
  readonly queue: InvocationQueue;
  readonly logs: LogStore;
  readonly metricPoints: MetricPointStore;
  readonly tokens: TokenStore;
  readonly audit: AuditStore;
  readonly projects: ProjectStore;
  readonly alerts: AlertStore;
  readonly documents: DocumentStore;
  readonly users: UserStore;
  readonly sessions: SessionStore;
  readonly signInFailures: SignInFailureStore;
  readonly secrets: SecretStore;
  readonly sandboxes: SandboxStore;
  readonly errorGroups: ErrorGroupStore;
  readonly egressRefusals: EgressRefusalStore;
  readonly canaryAborts: CanaryAbortStore;
  readonly testEvents: TestEventStore;
  readonly builds: BuildStore;
  /** Brings the schema up to date under a lock; returns the names of the migrations that ran. Refuses a newer schema. */
  migrate(): Promise<readonly string[]>;
  /** All or nothing. Inside, use only the store that is passed in. */
  transaction<T>(work: (tx: Store) => Promise<T>): Promise<T>;
  /** A write that reaches the disk, for readiness. Rejects with `unavailable`/`storage_full` or `storage_failed`. */
  check(): Promise<void>;
  /** One state of everything in a file of its own, while others read and write. `path` must not exist. Not inside a transaction. */
  copy(path: string): Promise<StoreCopy>;
  close(): Promise<void>;
}

/** A page in a stable order. Cursors are opaque; a malformed one rejects with `invalid_request`/`bad_cursor`. */
export interface PageRequest {
  readonly limit: number;
  readonly cursor: string | undefined;
}
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

export interface FunctionRecord {
  readonly id: FunctionId;
  /** The full name (shared/names.ts). */
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly isEnabled: boolean;
  readonly latestVersion: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Changes with every update; the ETag. */
  readonly revision: number;
}
export interface FunctionStore {
  /** Rejects with `conflict`/`name_taken`. */
  create(record: FunctionRecord): Promise<void>;
  findByName(name: string): Promise<FunctionRecord | undefined>;
  /** Of one project, the default one when left out, by name; `search` is a plain substring of short name, description or tag. */
  list(page: PageRequest, search?: string, project?: string): Promise<Page<FunctionRecord>>;
  /** Everything, for the directory at start. */
  all(): Promise<readonly FunctionRecord[]>;
  /** Rejects with `precondition_failed`/`etag_mismatch` when `expectedRevision` is given and differs, `not_found` when gone. */
  update(
    id: FunctionId,
    expectedRevision: number | undefined,
    change: Partial<Pick<FunctionRecord, 'description' | 'tags' | 'isEnabled' | 'latestVersion'>>,
    now: number,
  ): Promise<FunctionRecord>;
  /** Removes the function with versions, aliases, routes, schedules, test events and kept requests. Invocations, logs and metrics stay until their retention ends. */
  remove(id: FunctionId, expectedRevision: number | undefined): Promise<void>;
}

export interface VersionRecord {
  readonly id: VersionId;
  readonly functionId: FunctionId;
  readonly version: number;
  readonly digest: BundleDigest;
  readonly sizeBytes: number;
  readonly fileCount: number;
  readonly config: VersionConfig;
  readonly message: string;
  readonly createdAt: number;
  readonly createdBy: string;
}
export interface VersionStore {
  create(record: VersionRecord): Promise<void>;
  find(functionId: FunctionId, version: number): Promise<VersionRecord | undefined>;
  /** Newest first. */
  list(functionId: FunctionId, page: PageRequest): Promise<Page<VersionRecord>>;
  all(): Promise<readonly VersionRecord[]>;
  digests(): Promise<ReadonlySet<BundleDigest>>;
}

export interface AliasRecord {
  readonly functionId: FunctionId;
  readonly name: string;
  readonly versions: readonly { readonly version: number; readonly weight: number }[];
  readonly updatedAt: number;
  readonly revision: number;
  readonly canary?: CanaryGuard;
  readonly aborted?: CanaryAbort;
  readonly message?: string;
}

export interface RouteRecord {
  readonly id: RouteId;
  readonly functionId: FunctionId;
  readonly path: string;
  /** Empty: all. */
  readonly methods: readonly string[];
  readonly alias: string;
}
export interface RouteStore {
  /** Replaces a function's routes. */
  replace(functionId: FunctionId, routes: readonly RouteRecord[]): Promise<void>;
  list(functionId: FunctionId): Promise<readonly RouteRecord[]>;
  all(): Promise<readonly RouteRecord[]>;
}

export interface ScheduleRecord {
  readonly id: ScheduleId;
  readonly functionId: FunctionId;
  readonly name: string;
  readonly cron: string;
  readonly timeZone: string;
  /** JSON text. */
  readonly payload: string;
  readonly alias: string;
  readonly misfire: 'skip' | 'run-once';
  readonly isEnabled: boolean;
  readonly createdAt: number;
  /** The newest tick that was fired or skipped. */
  readonly lastTickAt: number | undefined;
}
/** A schedule did something, or would have: of each the newest are kept. */
export interface ScheduleRunRecord {
  /** Of the tick, or of the call that asked for it. */
  readonly at: number;
  /** Asked for, beside the ticks. */
  readonly isManual: boolean;
  /** Undefined: the tick was skipped. */
  readonly invocationId: InvocationId | undefined;
}
export interface ScheduleStore {
  /** Replaces a function's schedules; one that keeps its name and cron expression keeps id and lastTickAt, one that keeps its name its runs. */
  replace(functionId: FunctionId, schedules: readonly ScheduleRecord[]): Promise<void>;
  list(functionId: FunctionId): Promise<readonly ScheduleRecord[]>;
  all(): Promise<readonly ScheduleRecord[]>;
  /** Pauses or resumes it; its ticks count from `now` on then (createdAt), so that none of the pause is made up for. False: it is gone. */
  setEnabled(id: ScheduleId, isEnabled: boolean, now: number): Promise<boolean>;
  /**
   * Marks the tick and, in the same transaction, runs `enqueue`, which gives the invocation. False, and nothing done, when this
   * tick or a later one was marked already.
   */
  fireTick(
    id: ScheduleId,
    tickAt: number,
    enqueue: ((tx: Store) => Promise<InvocationId>) | undefined,
  ): Promise<boolean>;
  /** Notes a run of a schedule that is there. */
  noteRun(id: ScheduleId, run: ScheduleRunRecord): Promise<void>;
  /** The newest first. */
  runs(id: ScheduleId, limit: number): Promise<readonly ScheduleRunRecord[]>;
}

/** An invocation as it is stored; synchronous ones are written once, when they are over. */
export interface InvocationRecord {
  readonly id: InvocationId;
  readonly functionId: FunctionId;
  readonly functionName: string;
  readonly version: number;
  readonly qualifier: string;
  readonly trigger: TriggerKind;
  readonly status: InvocationStatus;
  readonly start: StartKind;
  readonly attempts: number;
  readonly createdAt: number;
  readonly startedAt: number | undefined;
  readonly finishedAt: number | undefined;
  readonly httpStatus: number | undefined;
  readonly timing: Timing | undefined;
  readonly usage: Usage | undefined;
  readonly error: InvocationError | undefined;
  readonly instanceId: InstanceId | undefined;
  readonly traceparent: string | undefined;
  readonly nextAttemptAt: number | undefined;
  readonly replayOf: InvocationId | undefined;
  /** Its request over HTTP was kept. */
  readonly hasRequest?: boolean | undefined;
}
/** JSON text of what went in and out, where it was kept. */
export interface InvocationPayload {
  readonly payload: Buffer | undefined;
  readonly result: Buffer | undefined;
  /** Of a call over HTTP, and of a replay of one. */
  readonly request?: KeptRequest | undefined;
}
/** How many bytes of kept requests there may be, and from when. */
export interface RequestBounds {
  readonly before: number;
  readonly maxBytes: number;
  readonly maxBytesPerFunction: number;
}
export interface InvocationFilter {
  readonly project?: string | undefined;
  readonly functionName: string | undefined;
  readonly status: InvocationStatus | undefined;
  readonly trigger: TriggerKind | undefined;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly version?: number | undefined;
  /** Took at least so long in all. */
  readonly minDurationMs?: number | undefined;
  /** An id, or its beginning; a trace id; a part of what the error says. */
  readonly search?: string | undefined;
  /** Most invocations that one page looks at to find what `version`, `minDurationMs` and `search` ask for. 50,000 when left out. */
  readonly maxLookedAt?: number | undefined;
}
export interface DeadLetterRecord {
  readonly invocation: InvocationRecord;
  readonly reason: DeadLetterReason;
  readonly deadAt: number;
  readonly payload: Buffer;
  /** Of a replay of a call over HTTP. */
  readonly request?: KeptRequest | undefined;
}
export interface InvocationStore {
  /** Many finished synchronous invocations in one transaction. An id that exists is left as it is. */
  record(
    batch: readonly { readonly record: InvocationRecord; readonly payload: InvocationPayload | undefined }[],
  ): Promise<void>;
  /** With a project: one of another is not there, in the same time. */
  find(id: InvocationId, project?: string): Promise<(InvocationRecord & InvocationPayload) | undefined>;
  /** Newest first. A page that looked at many without finding enough ends early: it may be empty and have a cursor. */
  list(filter: InvocationFilter, page: PageRequest): Promise<Page<InvocationRecord>>;
  deadLetters(filter: DeadLetterFilter, page: PageRequest): Promise<Page<DeadLetterRecord>>;
  /** How many there are, at most `limit` of them counted. */
  countDeadLetters(filter: DeadLetterFilter, limit: number): Promise<number>;
  removeDeadLetter(id: InvocationId): Promise<boolean>;
  /** Deletes finished invocations older than this; dead letters stay. Works in small steps; returns how many. */
  prune(before: number): Promise<number>;
  /**
   * Deletes kept requests that are too old or too many, the oldest first; the invocations stay, and requests that are still to be run too. Works
   * in small steps; returns how many.
   */
  pruneRequests(bounds: RequestBounds): Promise<number>;
}

/** One step of one version, with its sketches in a binary form that only metrics/ understands. */
export interface MetricPointRecord {
  readonly functionId: FunctionId;
  readonly version: number;
  readonly stepMs: number;
  readonly at: number;
  readonly data: Buffer;
}
export interface MetricPointStore {
  /** Inserts or replaces on (functionId, version, stepMs, at). */
  put(points: readonly MetricPointRecord[]): Promise<void>;
  query(filter: {
    readonly functionIds: readonly FunctionId[] | undefined;
    readonly version: number | undefined;
    readonly stepMs: number;
    readonly from: number;
    readonly to: number;
  }): Promise<readonly MetricPointRecord[]>;
  prune(stepMs: number, before: number): Promise<number>;
}

export interface TokenRecord {
  readonly id: TokenId;
  readonly name: string;
  readonly scope: TokenScope;
  /** SHA-256 of the secret, lower-case hex; the secret is never stored. */
  readonly hash: string;
  /** Undefined: good for every project, and for the installation as a whole. */
  readonly project?: string | undefined;
  readonly createdAt: number;
  readonly expiresAt: number | undefined;
  readonly lastUsedAt: number | undefined;
}
export interface TokenStore {
  create(record: TokenRecord): Promise<void>;
  all(): Promise<readonly TokenRecord[]>;
  touch(id: TokenId, at: number): Promise<void>;
  remove(id: TokenId): Promise<boolean>;
}

/** A secret as it is stored: its value sealed under a key of its own, and that key wrapped (backend/secrets/envelope.ts). */
export interface SecretRecord {
  readonly project: string;
  readonly name: string;
  /** Counts up with every value. */
  readonly version: number;
  readonly sealed: Buffer;
  readonly wrappedKey: Buffer;
  /** Names the key that it is wrapped with. */
  readonly keyId: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly updatedBy: string;
}
export interface SecretStore {
  /** Creates or replaces; `createdAt` stays. */
  put(record: SecretRecord): Promise<void>;
  /** Changes wrapped key and key id alone. False when that sealed value is gone. */
  rewrap(record: SecretRecord): Promise<boolean>;
  /** By project and name. */
  all(): Promise<readonly SecretRecord[]>;
  remove(project: string, name: string): Promise<boolean>;
}

export interface SandboxStore {
  put(handle: SandboxHandle, createdAt: number): Promise<void>;
  remove(id: SandboxId): Promise<void>;
  all(): Promise<readonly SandboxHandle[]>;
}
