import type { Generated, GeneratedAlways } from 'kysely';
import type { ErrorGroupState } from '../../shared/api/error-groups.ts';
import type { EgressRefusalReason } from '../../shared/egress.ts';
import type {
  BundleDigest,
  FunctionId,
  InstanceId,
  InvocationId,
  ProjectId,
  RouteId,
  SandboxId,
  SessionId,
  TokenId,
  UserId,
  VersionId,
} from '../../shared/ids.ts';
import type { InvocationStatus, StartKind, TriggerKind } from '../../shared/invocation.ts';
import type { Role } from '../../shared/roles.ts';
import type { ErrorGroupId } from '../core/ports/error-groups.ts';
import type { DeadLetterReason } from '../core/ports/invocation-queue.ts';
import type { LogEntry } from '../core/ports/log-sink.ts';
import type { TokenRecord } from '../core/ports/store.ts';
import type { AlertDeliveryRow, AlertRuleRow } from './alert-tables.ts';
import type { AliasMoveRow, CanaryAbortRow } from './alias-tables.ts';
import type { BuildRow } from './build-row.ts';
import type { RequestRow } from './request-row.ts';
import type { ScheduleRow, ScheduleRunRow } from './schedule-tables.ts';
import type { TestEventRow } from './test-event-row.ts';

/** 0 or 1: neither of our engines is asked for a boolean, so both store the same. */
type Flag = number;
/** JSON as text. */
type Json = string;
/** Milliseconds since 1970. */
type Time = number;

export interface FunctionRow {
  id: FunctionId;
  name: string;
  description: string;
  tags: Json;
  is_enabled: Flag;
  latest_version: number;
  created_at: Time;
  updated_at: Time;
  revision: number;
}

export interface VersionRow {
  id: VersionId;
  function_id: FunctionId;
  version: number;
  digest: BundleDigest;
  size_bytes: number;
  file_count: number;
  config: Json;
  message: string;
  created_at: Time;
  created_by: string;
}

export interface AliasRow {
  function_id: FunctionId;
  name: string;
  versions: Json;
  updated_at: Time;
  revision: number;
  canary: Json | null;
}

export interface RouteRow {
  id: RouteId;
  function_id: FunctionId;
  position: number;
  path: string;
  methods: Json;
  alias: string;
}

export interface InvocationRow {
  /** Order of arrival; breaks ties between equal times. */
  seq: Generated<number>;
  id: InvocationId;
  function_id: FunctionId;
  function_name: string;
  version: number;
  qualifier: string;
  trigger_kind: TriggerKind;
  status: InvocationStatus;
  start_kind: StartKind;
  attempts: number;
  created_at: Time;
  started_at: Time | null;
  finished_at: Time | null;
  http_status: number | null;
  timing: Json | null;
  usage: Json | null;
  error: Json | null;
  instance_id: InstanceId | null;
  traceparent: string | null;
  next_attempt_at: Time | null;
  replay_of: InvocationId | null;
  /** A dead letter refers to it: retention leaves it alone. */
  is_kept: Flag;
}

/** What went in and what came out, apart from the row, so that a change of status never copies a body. Written once. */
export interface PayloadRow {
  invocation_id: InvocationId;
  kind: 'payload' | 'result';
  body: Uint8Array;
}

export interface QueueRow {
  invocation_id: InvocationId;
  function_id: FunctionId;
  version_id: VersionId;
  /** When its current attempt should run; the order of the queue. */
  due_at: Time;
  /** When it can be claimed: `due_at` while it waits, the end of the lease while it is leased. */
  available_at: Time;
  attempts: number;
  max_attempts: number;
  expires_at: Time;
  depth: number;
  idempotency_key: string | null;
  lease_owner: string | null;
  lease_token: string | null;
}

export interface DeadLetterRow {
  seq: Generated<number>;
  invocation_id: InvocationId;
  function_id: FunctionId;
  reason: DeadLetterReason;
  dead_at: Time;
}

export interface IdempotencyKeyRow {
  function_id: FunctionId;
  key: string;
  invocation_id: InvocationId;
  payload_hash: string;
  expires_at: Time;
}

export interface LogRow {
  seq: number;
  at: Time;
  function_id: FunctionId;
  function_name: string;
  version: number;
  invocation_id: InvocationId | null;
  instance_id: InstanceId | null;
  level: LogEntry['level'];
  stream: LogEntry['stream'];
  text: string;
}

/** Lines of one minute. */
export interface LogCountRow {
  /** Id of a function, or `@` and the prefix of a project. */
  series: string;
  at: Time;
  /** 0 in the series of a project. */
  version: number;
  level: LogEntry['level'];
  stream: LogEntry['stream'];
  count: number;
}

export interface MetricPointRow {
  seq: Generated<number>;
  function_id: FunctionId;
  version: number;
  step_ms: number;
  at: Time;
  data: Uint8Array;
}

export interface TokenRow {
  id: TokenId;
  name: string;
  scope: TokenRecord['scope'];
  hash: string;
  project: string | null;
  created_at: Time;
  expires_at: Time | null;
  last_used_at: Time | null;
}

export interface AuditRow {
  seq: Generated<number>;
  id: string;
  at: Time;
  actor: string;
  action: string;
  target: string;
  detail: Json;
  address: string;
  project: string | null;
  actor_id: string;
  hash: string;
  /** The part of `action` before the dot; the database makes it. */
  resource: GeneratedAlways<string>;
}

interface AuditHeadRow {
  id: number;
  entries: number;
  hash: string;
}

export interface ProjectRow {
  id: ProjectId;
  name: string;
  description: string;
  created_at: Time;
  deleted_at: Time | null;
}

export interface UserRow {
  id: UserId;
  name: string;
  password_hash: string | null;
  is_disabled: Flag;
  created_at: Time;
  updated_at: Time;
}

interface UserIdentityRow {
  issuer: string;
  subject: string;
  user_id: UserId;
}

interface UserRoleRow {
  user_id: UserId;
  project: string;
  role: Role;
}

interface SessionRow {
  id: SessionId;
  user_id: UserId;
  hash: string;
  created_at: Time;
  expires_at: Time;
  address: string;
}

interface SignInFailureRow {
  key: string;
  failures: number;
  started_at: Time;
}

export interface SecretRow {
  project: string;
  name: string;
  version: number;
  sealed: Uint8Array;
  wrapped_key: Uint8Array;
  key_id: string;
  created_at: Time;
  updated_at: Time;
  updated_by: string;
}

export interface SandboxRow {
  id: SandboxId;
  handle: Json;
  created_at: Time;
}

export interface ErrorGroupRow {
  id: ErrorGroupId;
  /** Of the function's full name. */
  project: string;
  function_id: FunctionId;
  function_name: string;
  type: string;
  message: string;
  frame: string;
  stack: string;
  count: number;
  first_seen_at: Time;
  last_seen_at: Time;
  /** 0: not known. */
  first_version: number;
  last_version: number;
  last_invocation_id: InvocationId;
  state: ErrorGroupState;
  state_at: Time;
}

export interface ErrorTallyRow {
  group_id: ErrorGroupId;
  hour_at: Time;
  version: number;
  count: number;
}

export interface EgressRefusalRow {
  function_id: FunctionId;
  host: string;
  reason: EgressRefusalReason;
  version: number;
  count: number;
  first_at: Time;
  last_at: Time;
}

interface DocumentRow {
  name: string;
  body: Json;
}

export interface HealthRow {
  id: number;
  checked_at: Time;
}

interface MigrationRow {
  name: string;
  applied_at: Time;
}

/** The schema as the newest migration leaves it, for every SQL engine. */
export interface Tables {
  functions: FunctionRow;
  versions: VersionRow;
  aliases: AliasRow;
  routes: RouteRow;
  schedules: ScheduleRow;
  schedule_runs: ScheduleRunRow;
  invocations: InvocationRow;
  payloads: PayloadRow;
  requests: RequestRow;
  invocation_queue: QueueRow;
  dead_letters: DeadLetterRow;
  idempotency_keys: IdempotencyKeyRow;
  logs: LogRow;
  log_counts: LogCountRow;
  metric_points: MetricPointRow;
  tokens: TokenRow;
  audit: AuditRow;
  audit_head: AuditHeadRow;
  projects: ProjectRow;
  users: UserRow;
  user_identities: UserIdentityRow;
  user_roles: UserRoleRow;
  sessions: SessionRow;
  sign_in_failures: SignInFailureRow;
  secrets: SecretRow;
  sandboxes: SandboxRow;
  error_groups: ErrorGroupRow;
  error_tallies: ErrorTallyRow;
  egress_refusals: EgressRefusalRow;
  alias_moves: AliasMoveRow;
  canary_aborts: CanaryAbortRow;
  test_events: TestEventRow;
  builds: BuildRow;
  alert_rules: AlertRuleRow;
  alert_deliveries: AlertDeliveryRow;
  documents: DocumentRow;
  health: HealthRow;
  schema_migrations: MigrationRow;
}
