import type { Selectable } from 'kysely';
import type { InvocationError, Timing, Usage } from '../../../shared/invocation.ts';
import type { InvocationRecord } from '../../core/ports/store.ts';
import { fromJsonOrNull, jsonOrNull } from '../columns.ts';
import type { InvocationRow } from '../tables.ts';
import { template } from '../template.ts';

/** What is written of an invocation when it is new. */
export type NewInvocationRow = Omit<InvocationRow, 'seq' | 'is_kept'>;

const valuesOf = (slot: NewInvocationRow) => ({
  id: slot.id,
  function_id: slot.function_id,
  function_name: slot.function_name,
  version: slot.version,
  qualifier: slot.qualifier,
  trigger_kind: slot.trigger_kind,
  status: slot.status,
  start_kind: slot.start_kind,
  attempts: slot.attempts,
  created_at: slot.created_at,
  started_at: slot.started_at,
  finished_at: slot.finished_at,
  http_status: slot.http_status,
  timing: slot.timing,
  usage: slot.usage,
  error: slot.error,
  instance_id: slot.instance_id,
  traceparent: slot.traceparent,
  next_attempt_at: slot.next_attempt_at,
  replay_of: slot.replay_of,
  is_kept: 0,
});

/** Fails when the id exists. */
export const insertNewInvocation = template<NewInvocationRow>((db, slot) =>
  db.insertInto('invocations').values(valuesOf(slot)),
);

/** Leaves an invocation that exists as it is. */
export const insertInvocation = template<NewInvocationRow>((db, slot) =>
  db
    .insertInto('invocations')
    .values(valuesOf(slot))
    .onConflict((on) => on.column('id').doNothing()),
);

export function toInvocationRow(record: InvocationRecord): NewInvocationRow {
  return {
    id: record.id,
    function_id: record.functionId,
    function_name: record.functionName,
    version: record.version,
    qualifier: record.qualifier,
    trigger_kind: record.trigger,
    status: record.status,
    start_kind: record.start,
    attempts: record.attempts,
    created_at: record.createdAt,
    started_at: record.startedAt ?? null,
    finished_at: record.finishedAt ?? null,
    http_status: record.httpStatus ?? null,
    timing: jsonOrNull(record.timing),
    usage: jsonOrNull(record.usage),
    error: jsonOrNull(record.error),
    instance_id: record.instanceId ?? null,
    traceparent: record.traceparent ?? null,
    next_attempt_at: record.nextAttemptAt ?? null,
    replay_of: record.replayOf ?? null,
  };
}

/** Records of earlier versions know of no flush. */
function timingOf(text: string | null): Timing | undefined {
  const timing = fromJsonOrNull<Timing>(text);
  return timing === undefined ? undefined : { ...timing, flushMs: timing.flushMs ?? 0 };
}

export function toInvocationRecord(
  row: Selectable<InvocationRow> & { readonly has_request?: number },
): InvocationRecord {
  return {
    id: row.id,
    functionId: row.function_id,
    functionName: row.function_name,
    version: row.version,
    qualifier: row.qualifier,
    trigger: row.trigger_kind,
    status: row.status,
    start: row.start_kind,
    attempts: row.attempts,
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    finishedAt: row.finished_at ?? undefined,
    httpStatus: row.http_status ?? undefined,
    timing: timingOf(row.timing),
    usage: fromJsonOrNull<Usage>(row.usage),
    error: fromJsonOrNull<InvocationError>(row.error),
    instanceId: row.instance_id ?? undefined,
    traceparent: row.traceparent ?? undefined,
    nextAttemptAt: row.next_attempt_at ?? undefined,
    replayOf: row.replay_of ?? undefined,
    ...(row.has_request === undefined ? {} : { hasRequest: row.has_request === 1 }),
  };
}
