import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Migration } from './migration.ts';

/** Every table of the first release. Indexes are named `<table>_by_<what is looked up>`. */
export const initialMigration: Migration = {
  name: '0001-initial',
  async up(db, flavour) {
    const { integer, blob } = flavour.columns;
    const strict = flavour.tableEnd(false);
    const clustered = flavour.tableEnd(true);
    const run = (statement: RawBuilder<unknown>) => statement.execute(db);

    await run(sql`create table functions (
      id text not null primary key,
      name text not null unique,
      description text not null,
      tags text not null,
      is_enabled ${integer} not null check (is_enabled in (0, 1)),
      latest_version ${integer} not null check (latest_version >= 0),
      created_at ${integer} not null,
      updated_at ${integer} not null,
      revision ${integer} not null
    ) ${strict}`);
    await run(sql`create table versions (
      id text not null primary key,
      function_id text not null references functions (id) on delete cascade,
      version ${integer} not null check (version > 0),
      digest text not null,
      size_bytes ${integer} not null,
      file_count ${integer} not null,
      config text not null,
      message text not null,
      created_at ${integer} not null,
      created_by text not null,
      unique (function_id, version)
    ) ${strict}`);
    await run(sql`create index versions_by_digest on versions (digest)`);
    await run(sql`create table aliases (
      function_id text not null references functions (id) on delete cascade,
      name text not null,
      versions text not null,
      updated_at ${integer} not null,
      revision ${integer} not null,
      primary key (function_id, name)
    ) ${clustered}`);
    await run(sql`create table routes (
      id text not null primary key,
      function_id text not null references functions (id) on delete cascade,
      position ${integer} not null,
      path text not null,
      methods text not null,
      alias text not null
    ) ${strict}`);
    await run(sql`create index routes_by_function on routes (function_id, position)`);
    await run(sql`create table schedules (
      id text not null primary key,
      function_id text not null references functions (id) on delete cascade,
      position ${integer} not null,
      name text not null,
      cron text not null,
      time_zone text not null,
      payload text not null,
      alias text not null,
      misfire text not null check (misfire in ('skip', 'run-once')),
      is_enabled ${integer} not null check (is_enabled in (0, 1)),
      created_at ${integer} not null,
      last_tick_at ${integer},
      unique (function_id, name)
    ) ${strict}`);
    await createInvocations(db, { integer, blob, strict, clustered, sequence: flavour.sequence });
    await createObservations(db, { integer, blob, strict, clustered, sequence: flavour.sequence });

    await run(sql`create table tokens (
      id text not null primary key,
      name text not null,
      scope text not null check (scope in ('admin', 'deploy', 'invoke', 'read')),
      hash text not null unique check (length(hash) = 64),
      created_at ${integer} not null,
      expires_at ${integer},
      last_used_at ${integer}
    ) ${strict}`);
    await run(sql`create table sandboxes (
      id text not null primary key,
      handle text not null,
      created_at ${integer} not null
    ) ${strict}`);
    await run(sql`create table health (id ${integer} not null primary key, checked_at ${integer} not null) ${strict}`);
  },
};

interface Words {
  readonly integer: RawBuilder<unknown>;
  readonly blob: RawBuilder<unknown>;
  readonly strict: RawBuilder<unknown>;
  readonly clustered: RawBuilder<unknown>;
  readonly sequence: RawBuilder<unknown>;
}

/** Invocations outlive their function, so they do not refer to it. */
async function createInvocations(
  db: Kysely<unknown>,
  { integer, blob, strict, clustered, sequence }: Words,
): Promise<void> {
  const run = (statement: RawBuilder<unknown>) => statement.execute(db);
  await run(sql`create table invocations (
    seq ${sequence},
    id text not null unique,
    function_id text not null,
    function_name text not null,
    version ${integer} not null,
    qualifier text not null,
    trigger_kind text not null,
    status text not null,
    start_kind text not null,
    attempts ${integer} not null check (attempts >= 0),
    created_at ${integer} not null,
    started_at ${integer},
    finished_at ${integer},
    http_status ${integer},
    timing text,
    usage text,
    error text,
    instance_id text,
    traceparent text,
    next_attempt_at ${integer},
    replay_of text,
    is_kept ${integer} not null default 0 check (is_kept in (0, 1))
  ) ${strict}`);
  await run(sql`create index invocations_by_time on invocations (created_at, seq)`);
  await run(sql`create index invocations_by_function on invocations (function_id, created_at, seq)`);
  await run(sql`create index invocations_by_function_name on invocations (function_name, created_at, seq)`);
  // Successes are most of the table and are found by walking it; the others are rare and need an index.
  await run(sql`create index invocations_by_status on invocations (status, created_at, seq) where status <> 'success'`);
  await run(sql`create index invocations_by_end on invocations (finished_at)
    where finished_at is not null and is_kept = 0`);
  await run(sql`create table payloads (
    invocation_id text not null references invocations (id) on delete cascade,
    kind text not null check (kind in ('payload', 'result')),
    body ${blob} not null,
    unique (invocation_id, kind)
  ) ${strict}`);
  await run(sql`create table invocation_queue (
    invocation_id text not null primary key references invocations (id),
    function_id text not null,
    version_id text not null,
    due_at ${integer} not null,
    available_at ${integer} not null,
    attempts ${integer} not null check (attempts >= 0),
    max_attempts ${integer} not null,
    expires_at ${integer} not null,
    depth ${integer} not null,
    idempotency_key text,
    lease_owner text,
    lease_token text,
    check ((lease_owner is null) = (lease_token is null))
  ) ${clustered}`);
  await run(
    sql`create index invocation_queue_by_function on invocation_queue (function_id, available_at, invocation_id, lease_token)`,
  );
  await run(sql`create index invocation_queue_by_time on invocation_queue (available_at)`);
  await run(
    sql`create index invocation_queue_by_token on invocation_queue (lease_token) where lease_token is not null`,
  );
  await run(sql`create table dead_letters (
    seq ${sequence},
    invocation_id text not null unique references invocations (id),
    function_id text not null,
    reason text not null check (reason in ('attempts-exhausted', 'too-old', 'function-deleted')),
    dead_at ${integer} not null
  ) ${strict}`);
  await run(sql`create index dead_letters_by_time on dead_letters (dead_at, seq)`);
  await run(sql`create index dead_letters_by_function on dead_letters (function_id, dead_at, seq)`);
  await run(sql`create table idempotency_keys (
    function_id text not null,
    key text not null,
    invocation_id text not null,
    payload_hash text not null,
    expires_at ${integer} not null,
    primary key (function_id, key)
  ) ${strict}`);
  await run(sql`create index idempotency_keys_by_end on idempotency_keys (expires_at)`);
}

async function createObservations(db: Kysely<unknown>, { integer, blob, strict, sequence }: Words): Promise<void> {
  const run = (statement: RawBuilder<unknown>) => statement.execute(db);
  await run(sql`create table logs (
    seq ${integer} not null primary key,
    at ${integer} not null,
    function_id text not null,
    function_name text not null,
    version ${integer} not null,
    invocation_id text,
    instance_id text,
    level text not null check (level in ('debug', 'info', 'warn', 'error')),
    stream text not null check (stream in ('stdout', 'stderr', 'platform')),
    text text not null
  ) ${strict}`);
  await run(sql`create index logs_by_function on logs (function_id, seq)`);
  await run(sql`create index logs_by_invocation on logs (invocation_id, seq) where invocation_id is not null`);
  await run(sql`create index logs_by_time on logs (at)`);
  await run(sql`create table metric_points (
    seq ${sequence},
    function_id text not null,
    version ${integer} not null,
    step_ms ${integer} not null,
    at ${integer} not null,
    data ${blob} not null,
    unique (function_id, step_ms, at, version)
  ) ${strict}`);
  await run(sql`create index metric_points_by_time on metric_points (step_ms, at)`);
  await run(sql`create table audit (
    seq ${sequence},
    id text not null unique,
    at ${integer} not null,
    actor text not null,
    action text not null,
    target text not null,
    detail text not null,
    address text not null
  ) ${strict}`);
}
