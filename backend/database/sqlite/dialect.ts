import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Expression,
  type QueryResult,
  type SqlBool,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely';
import { PlatformError } from '../../../shared/errors.ts';
import { rowsOf, type SqlFlavour, type SqlValue, type Step, type StepResult } from '../sql-session.ts';

/** Where statements go: to the threads, or into one transaction. */
export interface Lane {
  read(steps: readonly Step[]): Promise<readonly StepResult[]>;
  write(steps: readonly Step[]): Promise<readonly StepResult[]>;
  /** A transaction of its own, with or without a limit of time; inside one there is none. */
  begin(duration: 'short' | 'unbounded'): Promise<TransactionLane>;
}
export interface TransactionLane extends Lane {
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** Kysely over a lane. Outside transactions, selects read and everything else is a unit of one statement. */
export function laneDialect(lane: Lane): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createDriver: () => new LaneDriver(lane),
  };
}

class LaneConnection implements DatabaseConnection {
  readonly #lane: Lane;
  transaction: TransactionLane | undefined;

  constructor(lane: Lane) {
    this.#lane = lane;
  }

  async begin(): Promise<void> {
    this.transaction = await this.#lane.begin('short');
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const lane = this.transaction ?? this.#lane;
    const step: Step = { sql: query.sql, parameters: query.parameters as readonly SqlValue[], skipWhenNone: 0 };
    const isRead = query.query.kind === 'SelectQueryNode';
    const [result] = await (isRead ? lane.read([step]) : lane.write([step]));
    return { rows: rowsOf<Row>(result), numAffectedRows: BigInt(result?.changes ?? 0) };
  }

  // biome-ignore lint/correctness/useYield: the interface asks for a generator; there is nothing to yield.
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new PlatformError('internal', 'unsupported', 'Read pages instead of streaming.');
  }
}

class LaneDriver implements Driver {
  readonly #lane: Lane;

  constructor(lane: Lane) {
    this.#lane = lane;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<LaneConnection> {
    return new LaneConnection(this.#lane);
  }

  async beginTransaction(connection: LaneConnection): Promise<void> {
    await connection.begin();
  }

  async commitTransaction(connection: LaneConnection): Promise<void> {
    await connection.transaction?.commit();
    connection.transaction = undefined;
  }

  async rollbackTransaction(connection: LaneConnection): Promise<void> {
    await connection.transaction?.rollback();
    connection.transaction = undefined;
  }

  async savepoint(connection: LaneConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`savepoint "${name}"`));
  }

  async rollbackToSavepoint(connection: LaneConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`rollback to "${name}"`));
  }

  async releaseSavepoint(connection: LaneConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`release "${name}"`));
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {}
}

/** What SQLite does its own way. */
export const sqliteFlavour: SqlFlavour = {
  columns: { integer: sql`integer`, blob: sql`blob` },
  sequence: sql`integer primary key`,
  tableEnd: (isClustered) => (isClustered ? sql`strict, without rowid` : sql`strict`),
  contains: (column: Expression<string>, text: string) => sql<SqlBool>`instr(lower(${column}), lower(${text})) > 0`,
  jsonArrayContains: (column: Expression<string>, text: string) =>
    sql<SqlBool>`exists (select 1 from json_each(${column}) where instr(lower(value), lower(${text})) > 0)`,
  appendOnly: (table: string) =>
    ['update', 'delete'].map((verb) =>
      sql.raw(
        `create trigger ${table}_never_${verb}s before ${verb} on ${table} begin select raise(abort, '${table} is append-only'); end`,
      ),
    ),
  projectPrefix: (fullName: Expression<unknown>) => sql<string>`substr(${fullName}, 1, instr(${fullName}, '/'))`,
};
