import { sql } from 'kysely';
import type { FunctionId, InvocationId } from '../../../shared/ids.ts';
import type { IdempotencyKeyRow, InvocationRow, QueueRow } from '../tables.ts';
import { template } from '../template.ts';

export const insertQueued = template<Omit<QueueRow, 'attempts' | 'lease_owner' | 'lease_token'>>((db, slot) =>
  db.insertInto('invocation_queue').values({
    invocation_id: slot.invocation_id,
    function_id: slot.function_id,
    version_id: slot.version_id,
    due_at: slot.due_at,
    available_at: slot.available_at,
    attempts: 0,
    max_attempts: slot.max_attempts,
    expires_at: slot.expires_at,
    depth: slot.depth,
    idempotency_key: slot.idempotency_key,
    lease_owner: null,
    lease_token: null,
  }),
);

/** Takes the key when it is new or has run out, and touches no row otherwise. */
export const takeKey = template<IdempotencyKeyRow & { readonly now: number }>((db, slot) =>
  db
    .insertInto('idempotency_keys')
    .values({
      function_id: slot.function_id,
      key: slot.key,
      invocation_id: slot.invocation_id,
      payload_hash: slot.payload_hash,
      expires_at: slot.expires_at,
    })
    .onConflict((on) =>
      on
        .columns(['function_id', 'key'])
        .doUpdateSet((eb) => ({
          invocation_id: eb.ref('excluded.invocation_id'),
          payload_hash: eb.ref('excluded.payload_hash'),
          expires_at: eb.ref('excluded.expires_at'),
        }))
        .where('idempotency_keys.expires_at', '<=', slot.now),
    ),
);
export const selectKey = template<Pick<IdempotencyKeyRow, 'function_id' | 'key'>>((db, slot) =>
  db
    .selectFrom('idempotency_keys')
    .select(['invocation_id', 'payload_hash'])
    .where('function_id', '=', slot.function_id)
    .where('key', '=', slot.key),
);

/** The functions that have something in the queue, and when their first is due; jumps from one to the next in the index. */
const heads = sql`present (function_id) as (
        select min(function_id) from invocation_queue
        union all
        select (select min(q.function_id) from invocation_queue q where q.function_id > present.function_id)
        from present where present.function_id is not null
      ),
      heads (function_id, available_at) as (
        select function_id, (select min(q.available_at) from invocation_queue q where q.function_id = present.function_id)
        from present where function_id is not null
      )`;

/**
 * Leases what is due. Every function with something due gets its turn before any gets a second one, the one that waits
 * longest first; so a flood of one function costs the others nothing. The functions are found by jumping from one to
 * the next in the index (function_id, available_at, invocation_id), never by walking a backlog, and `picks` takes from
 * each in turn (a recursive query with an order takes its rows in that order: https://www.sqlite.org/lang_with.html).
 */
export const leaseDue = template<{
  readonly now: number;
  readonly max: number;
  readonly owner: string;
  readonly token: string;
  readonly leaseExpiresAt: number;
  /** JSON array of the functions that are passed over. */
  readonly except: string;
}>((db, slot) => {
  const due = sql<InvocationId>`(
    with recursive
      ${heads},
      turns (function_id) as materialized (
        select function_id from heads
        where available_at <= ${slot.now} and function_id not in (select value from json_each(${slot.except}))
        order by available_at limit ${slot.max}
      ),
      picks (function_id, invocation_id, available_at, turn) as (
        select turns.function_id, q.invocation_id, q.available_at, 1
        from turns join invocation_queue q on q.invocation_id = (
          select i.invocation_id from invocation_queue i
          where i.function_id = turns.function_id
          order by i.available_at, i.invocation_id limit 1
        )
        union all
        select picks.function_id, q.invocation_id, q.available_at, picks.turn + 1
        from picks join invocation_queue q on q.invocation_id = (
          select i.invocation_id from invocation_queue i
          where i.function_id = picks.function_id and i.available_at <= ${slot.now}
            and (i.available_at, i.invocation_id) > (picks.available_at, picks.invocation_id)
          order by i.available_at, i.invocation_id limit 1
        )
        order by 4, 3 limit ${slot.max}
      )
    select invocation_id from picks
  )`;
  return db
    .updateTable('invocation_queue')
    .set({
      lease_owner: slot.owner,
      lease_token: slot.token,
      available_at: slot.leaseExpiresAt,
      attempts: sql`attempts + 1`,
    })
    .where('invocation_id', 'in', due)
    .returning('invocation_id');
});

/** Everything that a claim consists of, for the rows that were leased under a token. */
export const selectLeased = template<{ readonly token: string }>((db, slot) =>
  db
    .selectFrom('invocation_queue as q')
    .innerJoin('invocations as i', 'i.id', 'q.invocation_id')
    .innerJoin('payloads as p', (on) =>
      on.onRef('p.invocation_id', '=', 'q.invocation_id').on('p.kind', '=', 'payload'),
    )
    .leftJoin('requests as r', 'r.invocation_id', 'q.invocation_id')
    .select([
      'q.invocation_id',
      'q.function_id',
      'i.function_name',
      'q.version_id',
      'i.version',
      'i.qualifier',
      'i.trigger_kind',
      'p.body',
      'i.created_at',
      'q.due_at',
      'q.available_at',
      'q.attempts',
      'q.max_attempts',
      'q.expires_at',
      'q.idempotency_key',
      'i.traceparent',
      'q.depth',
      'i.replay_of',
      'r.head as request_head',
      'r.body as request_body',
    ])
    .where('q.lease_token', '=', slot.token)
    .orderBy('q.due_at')
    .orderBy('i.seq'),
);

export const markRunning = template<{ readonly token: string; readonly now: number }>((db, slot) =>
  db
    .updateTable('invocations')
    .set({
      status: 'running',
      started_at: slot.now,
      next_attempt_at: null,
      attempts: sql`(select q.attempts from invocation_queue q where q.invocation_id = invocations.id)`,
    })
    .where('id', 'in', (eb) =>
      eb.selectFrom('invocation_queue').select('invocation_id').where('lease_token', '=', slot.token),
    ),
);

interface Fence {
  readonly id: InvocationId;
  readonly token: string;
}

export const extendLease = template<Fence & { readonly leaseExpiresAt: number }>((db, slot) =>
  db
    .updateTable('invocation_queue')
    .set({ available_at: slot.leaseExpiresAt })
    .where('invocation_id', '=', slot.id)
    .where('lease_token', '=', slot.token),
);

export const deleteLeased = template<Fence>((db, slot) =>
  db.deleteFrom('invocation_queue').where('invocation_id', '=', slot.id).where('lease_token', '=', slot.token),
);

/** Puts a leased one back for another attempt. */
export const requeueLeased = template<Fence & { readonly dueAt: number }>((db, slot) =>
  db
    .updateTable('invocation_queue')
    .set({ due_at: slot.dueAt, available_at: slot.dueAt, lease_owner: null, lease_token: null })
    .where('invocation_id', '=', slot.id)
    .where('lease_token', '=', slot.token),
);

/** Puts a leased one back as if it had not been claimed. */
export const releaseLeased = template<Fence>((db, slot) =>
  db
    .updateTable('invocation_queue')
    .set({
      available_at: sql`due_at`,
      attempts: sql`max(0, attempts - 1)`,
      lease_owner: null,
      lease_token: null,
    })
    .where('invocation_id', '=', slot.id)
    .where('lease_token', '=', slot.token),
);
export const markReleased = template<{ readonly id: InvocationId }>((db, slot) =>
  db
    .updateTable('invocations')
    .set({ status: 'queued', attempts: sql`max(0, attempts - 1)`, started_at: null })
    .where('id', '=', slot.id),
);

/** How an attempt went; what is not known of it leaves the columns as they are. */
export const storeAttempt = template<
  Pick<
    InvocationRow,
    | 'id'
    | 'status'
    | 'start_kind'
    | 'finished_at'
    | 'next_attempt_at'
    | 'http_status'
    | 'timing'
    | 'usage'
    | 'error'
    | 'instance_id'
    | 'is_kept'
  >
>((db, slot) =>
  db
    .updateTable('invocations')
    .set({
      status: slot.status,
      start_kind: sql`coalesce(${slot.start_kind}, start_kind)`,
      finished_at: slot.finished_at,
      next_attempt_at: slot.next_attempt_at,
      http_status: sql`coalesce(${slot.http_status}, http_status)`,
      timing: sql`coalesce(${slot.timing}, timing)`,
      usage: sql`coalesce(${slot.usage}, usage)`,
      error: slot.error,
      instance_id: sql`coalesce(${slot.instance_id}, instance_id)`,
      is_kept: slot.is_kept,
    })
    .where('id', '=', slot.id),
);

/** One that waits; a lease that has run out may still be at work, so it does not count as waiting. */
export const deleteWaiting = template<{ readonly id: InvocationId }>((db, slot) =>
  db.deleteFrom('invocation_queue').where('invocation_id', '=', slot.id).where('lease_token', 'is', null),
);

export const markForeignQueued = template<{ readonly owner: string }>((db, slot) =>
  db
    .updateTable('invocations')
    .set({ status: 'queued' })
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('invocation_queue')
        .select('invocation_id')
        .where('lease_token', 'is not', null)
        .where('lease_owner', '<>', slot.owner),
    ),
);
export const releaseForeign = template<{ readonly owner: string }>((db, slot) =>
  db
    .updateTable('invocation_queue')
    .set({ available_at: sql`due_at`, lease_owner: null, lease_token: null })
    .where('lease_token', 'is not', null)
    .where('lease_owner', '<>', slot.owner),
);

export const countWaiting = template<Record<never, never>>((db) =>
  db
    .selectFrom('invocation_queue')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('lease_token', 'is', null),
);
export const countWaitingOf = template<{ readonly functionId: FunctionId }>((db, slot) =>
  db
    .selectFrom('invocation_queue')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('function_id', '=', slot.functionId)
    .where('lease_token', 'is', null),
);
export const selectNextDue = template<Record<never, never>>((db) =>
  db.selectFrom('invocation_queue').select((eb) => eb.fn.min('available_at').as('at')),
);
export const selectNextDueOf = template<{ readonly functionId: FunctionId }>((db, slot) =>
  db
    .selectFrom('invocation_queue')
    .select((eb) => eb.fn.min('available_at').as('at'))
    .where('function_id', '=', slot.functionId),
);
/** The same without those of some functions (a JSON array), whose backlogs may be long: they are jumped over. */
export const selectNextDueExcept = template<{ readonly except: string }>((db, slot) =>
  db
    .selectFrom(
      sql<{ available_at: number }>`(
        with recursive ${heads}
        select available_at from heads where function_id not in (select value from json_each(${slot.except}))
      )`.as('others'),
    )
    .select((eb) => eb.fn.min('available_at').as('at')),
);
