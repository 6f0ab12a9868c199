import { sql } from 'kysely';
import type { FunctionId, InvocationId } from '../../../shared/ids.ts';
import { bytesOfRequest, type KeptRequest, type KeptResponse } from '../../core/kept-request.ts';
import type { InvocationRecord, RequestBounds } from '../../core/ports/store.ts';
import { bufferOf, fromJson } from '../columns.ts';
import type { RequestRow } from '../request-row.ts';
import type { SqlSession, Step } from '../sql-session.ts';
import { template } from '../template.ts';
import { deleteInSteps } from './prune.ts';

const insertRequest = template<RequestRow>((db, slot) =>
  db
    .insertInto('requests')
    .values({
      invocation_id: slot.invocation_id,
      function_id: slot.function_id,
      kept_at: slot.kept_at,
      bytes: slot.bytes,
      head: slot.head,
      body: slot.body,
      response_body: slot.response_body,
    })
    .onConflict((on) => on.column('invocation_id').doNothing()),
);

/** What `head` holds. */
type StoredHead = Omit<KeptRequest, 'body' | 'response' | 'bodyBytes'> & {
  readonly bodyBytes: number | null;
  readonly response: Omit<KeptResponse, 'body'> | null;
};

/** The step that stores a request, or none when there is none: of most calls there is none. */
export function requestSteps(
  session: SqlSession,
  owner: Pick<InvocationRecord, 'id' | 'functionId'>,
  keptAt: number,
  request: KeptRequest | undefined,
): Step[] {
  if (request === undefined) return [];
  const { body, response, bodyBytes, ...rest } = request;
  const head: StoredHead = { ...rest, bodyBytes: bodyBytes ?? null, response: response ? headOf(response) : null };
  const row = {
    invocation_id: owner.id,
    function_id: owner.functionId,
    kept_at: keptAt,
    bytes: bytesOfRequest(request),
    head: JSON.stringify(head),
    body,
    response_body: response?.body ?? null,
  };
  return [session.step(insertRequest, row)];
}

const headOf = ({ status, headers, isCut }: KeptResponse) => ({ status, headers, isCut });

/** A request as it was kept, of a row or of a join that may have found none. */
export function toKeptRequest(row: {
  readonly head: string | null;
  readonly body: Uint8Array | null;
  readonly response_body: Uint8Array | null;
}): KeptRequest | undefined {
  if (row.head === null || row.body === null) return undefined;
  const { response, bodyBytes, ...head } = fromJson<StoredHead>(row.head);
  return {
    ...head,
    bodyBytes: bodyBytes ?? undefined,
    body: bufferOf(row.body),
    response: response === null ? undefined : { ...response, body: bufferOf(row.response_body ?? empty) },
  };
}

const empty = Buffer.alloc(0);

/** Requests per step of making room. */
const rowsPerStep = 1000;

/** What is still to be run, now or when somebody redrives it. */
const isNotWaiting = sql<boolean>`not exists (select 1 from invocation_queue q where q.invocation_id = requests.invocation_id)
  and not exists (select 1 from dead_letters d where d.invocation_id = requests.invocation_id)`;

/** See `InvocationStore.pruneRequests`. */
export async function pruneRequests(session: SqlSession, bounds: RequestBounds): Promise<number> {
  let pruned = await deleteInSteps((limit) =>
    session.db
      .deleteFrom('requests')
      .where(({ eb, selectFrom }) =>
        eb(
          'invocation_id',
          'in',
          selectFrom('requests')
            .select('invocation_id')
            .where('kept_at', '<', bounds.before)
            .where(isNotWaiting)
            .orderBy('kept_at')
            .limit(limit),
        ),
      )
      .executeTakeFirstOrThrow(),
  );
  const sums = await session.db
    .selectFrom('requests')
    .select(['function_id', ({ fn }) => fn.sum<number>('bytes').as('bytes')])
    .groupBy('function_id')
    .execute();
  let total = 0;
  for (const { function_id: functionId, bytes } of sums) {
    const excess = Number(bytes) - bounds.maxBytesPerFunction;
    const { freed, deleted } = excess > 0 ? await freeOldest(session, excess, functionId) : { freed: 0, deleted: 0 };
    total += Number(bytes) - freed;
    pruned += deleted;
  }
  if (total > bounds.maxBytes) pruned += (await freeOldest(session, total - bounds.maxBytes)).deleted;
  return pruned;
}

/** Deletes the oldest until so many bytes are free, or nothing more can go. */
async function freeOldest(session: SqlSession, excess: number, functionId?: FunctionId) {
  let freed = 0;
  let deleted = 0;
  while (freed < excess) {
    let query = session.db.selectFrom('requests').select(['invocation_id', 'bytes']).where(isNotWaiting);
    if (functionId !== undefined) query = query.where('function_id', '=', functionId);
    const oldest = await query.orderBy('kept_at').limit(rowsPerStep).execute();
    if (oldest.length === 0) break;
    const ids: InvocationId[] = [];
    for (const { invocation_id: id, bytes } of oldest) {
      if (freed >= excess) break;
      ids.push(id);
      freed += bytes;
    }
    await session.db
      .deleteFrom('requests')
      .where(sql<boolean>`invocation_id in (select value from json_each(${JSON.stringify(ids)}))`)
      .execute();
    deleted += ids.length;
  }
  return { freed, deleted };
}
