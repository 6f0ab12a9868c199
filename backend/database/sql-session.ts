import type { Expression, Kysely, RawBuilder, SqlBool } from 'kysely';
import type { Tables } from './tables.ts';
import type { Template } from './template.ts';

export type SqlValue = string | number | bigint | Uint8Array | null;

/** One statement of a unit. */
export interface Step {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
  /** When this statement returns and changes no row, so many steps after it are left out (`rest`: all of them). */
  readonly skipWhenNone: number;
}
/** For `Step.skipWhenNone`: the unit goes on only if this statement touched a row. */
export const rest = 1_000_000_000;

export interface StepResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
  /** Rows returned or, for statements that return none, rows changed. 0 for steps that were left out. */
  readonly changes: number;
}

/** What differs between SQL engines, in one place. */
export interface SqlFlavour {
  /** Column types and table options for migrations. */
  readonly columns: { readonly integer: RawBuilder<unknown>; readonly blob: RawBuilder<unknown> };
  readonly sequence: RawBuilder<unknown>;
  /** What follows a CREATE TABLE; `clustered` tables have only their primary key to be found by. */
  readonly tableEnd: (isClustered: boolean) => RawBuilder<unknown>;
  /** Statements after which the database refuses to change or remove rows of a table. */
  readonly appendOnly: (table: string) => readonly RawBuilder<unknown>[];
  /** Whether a text contains another, letters of ASCII compared without case. */
  readonly contains: (column: Expression<string>, text: string) => RawBuilder<SqlBool>;
  /** The same for any element of a JSON array of strings. */
  readonly jsonArrayContains: (column: Expression<string>, text: string) => RawBuilder<SqlBool>;
  /** What a full name of a function begins with: `acme/`, or '' in the default project. */
  readonly projectPrefix: (fullName: Expression<unknown>) => RawBuilder<string>;
}

/**
 * How the models reach the database. The same interface outside and inside a transaction. Every write resolves when it
 * is on disk (inside a transaction: when the transaction is).
 */
export interface SqlSession {
  /** For queries that are not hot: reads see everything that was awaited before, writes are a unit of one statement. */
  readonly db: Kysely<Tables>;
  readonly flavour: SqlFlavour;
  /** A statement that was compiled once, with these values. */
  step<Input extends object>(template: Template<Input>, input: Input, skipWhenNone?: number): Step;
  /** All statements in one transaction, sent at once; units of several callers share one flush to disk. */
  write(steps: readonly Step[]): Promise<readonly StepResult[]>;
  /** Statements that only read, seeing one state of the database. */
  read(steps: readonly Step[]): Promise<readonly StepResult[]>;
  /**
   * A transaction over several messages. Holds up other writers, so keep it short: one that takes too long is rolled back, unless it is `unbounded`
   * because nobody else writes yet. Nested ones become savepoints.
   */
  transaction<T>(work: (tx: SqlSession) => Promise<T>, duration?: 'short' | 'unbounded'): Promise<T>;
}

/** The rows of a result as objects, one key per column. */
export function rowsOf<Row>(result: StepResult | undefined): Row[] {
  if (result === undefined) return [];
  const { columns } = result;
  return result.rows.map((values) => {
    const row: Record<string, SqlValue> = {};
    for (let i = 0; i < columns.length; i++) row[columns[i] ?? ''] = values[i] ?? null;
    return row as Row;
  });
}

/** Whether the n-th step of a unit touched a row. */
export function touched(results: readonly StepResult[], index = 0): boolean {
  return (results[index]?.changes ?? 0) > 0;
}
