import type { FunctionId } from '../../../shared/ids.ts';
import type { TestEventContent, TestEventKey, TestEventRecord, TestEventStore } from '../../core/ports/test-events.ts';
import { bufferOf } from '../columns.ts';
import type { SqlSession } from '../sql-session.ts';
import type { TestEventRow } from '../test-event-row.ts';

/** What stands in `owner` for events of all the project; ids are never empty. */
const nobody = '';

/** Table `test_events`. */
export class TestEventModel implements TestEventStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  async list(functionId: FunctionId, owner: string): Promise<readonly TestEventRecord[]> {
    const rows = await this.#session.db
      .selectFrom('test_events')
      .select(['function_id', 'owner', 'name', 'kind', 'size_bytes', 'created_at', 'updated_at', 'updated_by'])
      .where('function_id', '=', functionId)
      .where('owner', 'in', [nobody, owner])
      .orderBy('owner')
      .orderBy('name')
      .execute();
    return rows.map(toRecord);
  }

  async content({ functionId, owner, name }: TestEventKey): Promise<TestEventContent | undefined> {
    const row = await this.#session.db
      .selectFrom('test_events')
      .select(['kind', 'body'])
      .where('function_id', '=', functionId)
      .where('owner', '=', owner ?? nobody)
      .where('name', '=', name)
      .executeTakeFirst();
    return row && { kind: row.kind, body: bufferOf(row.body) };
  }

  async put(record: TestEventRecord, body: Buffer): Promise<void> {
    const row = toRow(record, body);
    const { created_at: _, ...change } = row;
    await this.#session.db
      .insertInto('test_events')
      .values(row)
      .onConflict((on) => on.columns(['function_id', 'owner', 'name']).doUpdateSet(change))
      .execute();
  }

  async remove({ functionId, owner, name }: TestEventKey): Promise<boolean> {
    const row = await this.#session.db
      .deleteFrom('test_events')
      .where('function_id', '=', functionId)
      .where('owner', '=', owner ?? nobody)
      .where('name', '=', name)
      .returning('name')
      .executeTakeFirst();
    return row !== undefined;
  }

  async removeOwned(owner: string): Promise<void> {
    // Without an owner it would be everything that projects share.
    if (owner === nobody) throw new RangeError('an owner has an id');
    await this.#session.db.deleteFrom('test_events').where('owner', '=', owner).execute();
  }
}

function toRow(record: TestEventRecord, body: Buffer): TestEventRow {
  return {
    function_id: record.functionId,
    owner: record.owner ?? nobody,
    name: record.name,
    kind: record.kind,
    size_bytes: record.sizeBytes,
    created_at: record.createdAt,
    updated_at: record.updatedAt,
    updated_by: record.updatedBy,
    body,
  };
}

function toRecord(row: Omit<TestEventRow, 'body'>): TestEventRecord {
  return {
    functionId: row.function_id,
    owner: row.owner === nobody ? undefined : row.owner,
    name: row.name,
    kind: row.kind,
    sizeBytes: row.size_bytes,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
  };
}
