import { sql } from 'kysely';
import type { ErrorGroupState } from '../../../shared/api/error-groups.ts';
import { projectOf } from '../../../shared/names.ts';
import type {
  ErrorGroupFilter,
  ErrorGroupId,
  ErrorGroupRecord,
  ErrorGroupStore,
  ErrorOccurrences,
  ErrorTally,
} from '../../core/ports/error-groups.ts';
import type { Page, PageRequest } from '../../core/ports/store.ts';
import { decodeCursor, encodeCursor, pageOf } from '../cursor.ts';
import type { SqlSession, Step } from '../sql-session.ts';
import type { ErrorGroupRow, ErrorTallyRow } from '../tables.ts';
import { template } from '../template.ts';
import { deleteInSteps } from './prune.ts';

/** A resolved group that is seen after it was resolved is open again; an ignored one stays so. */
const addGroup = template<ErrorGroupRow>((db, slot) =>
  db
    .insertInto('error_groups')
    .values({
      id: slot.id,
      project: slot.project,
      function_id: slot.function_id,
      function_name: slot.function_name,
      type: slot.type,
      message: slot.message,
      frame: slot.frame,
      stack: slot.stack,
      count: slot.count,
      first_seen_at: slot.first_seen_at,
      last_seen_at: slot.last_seen_at,
      first_version: slot.first_version,
      last_version: slot.last_version,
      last_invocation_id: slot.last_invocation_id,
      state: slot.state,
      state_at: slot.state_at,
    })
    .onConflict((on) =>
      on.column('id').doUpdateSet({
        function_name: sql`excluded.function_name`,
        message: sql`excluded.message`,
        stack: sql`excluded.stack`,
        last_invocation_id: sql`excluded.last_invocation_id`,
        count: sql`error_groups.count + excluded.count`,
        last_version: sql`case when excluded.last_seen_at >= error_groups.last_seen_at
          then excluded.last_version else error_groups.last_version end`,
        last_seen_at: sql`case when excluded.last_seen_at > error_groups.last_seen_at
          then excluded.last_seen_at else error_groups.last_seen_at end`,
        state: sql`case when error_groups.state = 'resolved' and excluded.last_seen_at > error_groups.state_at
          then 'open' else error_groups.state end`,
        state_at: sql`case when error_groups.state = 'resolved' and excluded.last_seen_at > error_groups.state_at
          then excluded.last_seen_at else error_groups.state_at end`,
      }),
    ),
);
const addTally = template<ErrorTallyRow>((db, slot) =>
  db
    .insertInto('error_tallies')
    .values({ group_id: slot.group_id, hour_at: slot.hour_at, version: slot.version, count: slot.count })
    .onConflict((on) =>
      on.columns(['group_id', 'hour_at', 'version']).doUpdateSet({ count: sql`error_tallies.count + excluded.count` }),
    ),
);

/** Tables `error_groups` and `error_tallies`. */
export class ErrorGroupModel implements ErrorGroupStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async add(batch: readonly ErrorOccurrences[]): Promise<void> {
    if (batch.length === 0) return;
    const steps: Step[] = [];
    for (const { tallies, ...group } of batch) {
      steps.push(this.#session.step(addGroup, toRow(group)));
      for (const { hourAt, version, count } of tallies) {
        steps.push(this.#session.step(addTally, { group_id: group.id, hour_at: hourAt, version, count }));
      }
    }
    await this.#session.write(steps);
  }

  async list({ project, functionId, state }: ErrorGroupFilter, page: PageRequest): Promise<Page<ErrorGroupRecord>> {
    const key = decodeCursor('error-groups', ['n', 's'], page.cursor);
    let query = this.#session.db
      .selectFrom('error_groups')
      .selectAll()
      .where('project', '=', project)
      .orderBy('last_seen_at', 'desc')
      .orderBy('id', 'desc')
      .limit(page.limit + 1);
    if (functionId !== undefined) query = query.where('function_id', '=', functionId);
    if (state !== undefined) query = query.where('state', '=', state);
    if (key !== undefined) query = query.where(sql<boolean>`(last_seen_at, id) < (${key[0]}, ${key[1]})`);
    return pageOf(await query.execute(), page.limit, toRecord, (row) =>
      encodeCursor('error-groups', [row.last_seen_at, row.id]),
    );
  }

  async find(project: string, id: ErrorGroupId): Promise<ErrorGroupRecord | undefined> {
    const row = await this.#session.db
      .selectFrom('error_groups')
      .selectAll()
      .where('id', '=', id)
      .where('project', '=', project)
      .executeTakeFirst();
    return row && toRecord(row);
  }

  async tallies(ids: readonly ErrorGroupId[], from: number): ReturnType<ErrorGroupStore['tallies']> {
    const found = new Map<ErrorGroupId, ErrorTally[]>();
    if (ids.length === 0) return found;
    const rows = await this.#session.db
      .selectFrom('error_tallies')
      .selectAll()
      .where('group_id', 'in', [...ids])
      .where('hour_at', '>=', from)
      .orderBy('group_id')
      .orderBy('hour_at')
      .orderBy('version')
      .execute();
    for (const { group_id, hour_at, version, count } of rows) {
      const tallies = found.get(group_id) ?? [];
      tallies.push({ version, hourAt: hour_at, count });
      found.set(group_id, tallies);
    }
    return found;
  }

  async setState(
    project: string,
    id: ErrorGroupId,
    state: ErrorGroupState,
    now: number,
  ): Promise<ErrorGroupRecord | undefined> {
    const row = await this.#session.db
      .updateTable('error_groups')
      .set({ state, state_at: now })
      .where('id', '=', id)
      .where('project', '=', project)
      .returningAll()
      .executeTakeFirst();
    return row && toRecord(row);
  }

  async prune(before: number): Promise<number> {
    const groups = await deleteInSteps((limit) =>
      this.#session.db
        .deleteFrom('error_groups')
        .where(({ eb, selectFrom }) =>
          eb(
            'id',
            'in',
            selectFrom('error_groups')
              .select('id')
              .where('last_seen_at', '<', before)
              .orderBy('last_seen_at')
              .orderBy('id')
              .limit(limit),
          ),
        )
        .executeTakeFirstOrThrow(),
    );
    await deleteInSteps((limit) =>
      this.#session.db
        .deleteFrom('error_tallies')
        .where(({ eb, refTuple, selectFrom }) =>
          eb(
            refTuple('group_id', 'hour_at', 'version'),
            'in',
            selectFrom('error_tallies')
              .select(['group_id', 'hour_at', 'version'])
              .where('hour_at', '<', before)
              .orderBy('hour_at')
              .limit(limit)
              .$asTuple('group_id', 'hour_at', 'version'),
          ),
        )
        .executeTakeFirstOrThrow(),
    );
    return groups;
  }
}

function toRow(record: Omit<ErrorOccurrences, 'tallies'>): ErrorGroupRow {
  return {
    id: record.id,
    project: projectOf(record.functionName),
    function_id: record.functionId,
    function_name: record.functionName,
    type: record.type,
    message: record.message,
    frame: record.frame,
    stack: record.stack,
    count: record.count,
    first_seen_at: record.firstSeenAt,
    last_seen_at: record.lastSeenAt,
    first_version: record.firstVersion,
    last_version: record.lastVersion,
    last_invocation_id: record.lastInvocationId,
    state: 'open',
    state_at: record.firstSeenAt,
  };
}

function toRecord(row: ErrorGroupRow): ErrorGroupRecord {
  return {
    id: row.id,
    functionId: row.function_id,
    functionName: row.function_name,
    type: row.type,
    message: row.message,
    frame: row.frame,
    stack: row.stack,
    count: row.count,
    firstSeenAt: row.first_seen_at,
    lastSeenAt: row.last_seen_at,
    firstVersion: row.first_version,
    lastVersion: row.last_version,
    lastInvocationId: row.last_invocation_id,
    state: row.state,
    stateAt: row.state_at,
  };
}
