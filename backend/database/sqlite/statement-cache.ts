import type { Database, Statement } from 'better-sqlite3';
import type { SqlValue, StepResult } from '../sql-session.ts';
import type { WireStep } from './protocol.ts';

interface Prepared {
  readonly statement: Statement;
  readonly columns: readonly string[] | undefined;
}

const noColumns: readonly string[] = [];
/** What most writes answer, as one object each: a message between threads has an object once, however often it is in it. */
const noRows: StepResult = { columns: noColumns, rows: [], changes: 0 };
const oneChange: StepResult = { columns: noColumns, rows: [], changes: 1 };

/** Prepared statements by number, and the running of steps with them. */
export class StatementCache {
  readonly #database: Database;
  readonly #texts = new Map<number, string>();
  readonly #prepared = new Map<number, Prepared>();

  constructor(options: { readonly database: Database }) {
    this.#database = options.database;
  }

  announce(statements: readonly (readonly [number, string])[]): void {
    for (const [number, sql] of statements) this.#texts.set(number, sql);
  }

  /** Runs the steps in order in the transaction that is open. Throws what SQLite throws. */
  run(steps: readonly WireStep[]): StepResult[] {
    const results: StepResult[] = new Array(steps.length);
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i];
      if (step === undefined) break;
      const result = this.#runOne(step);
      results[i] = result;
      if (result.changes > 0) continue;
      const skipTo = Math.min(steps.length - 1, i + step[2]);
      while (i < skipTo) results[++i] = noRows;
    }
    return results;
  }

  #runOne([statement, parameters]: WireStep): StepResult {
    const prepared = typeof statement === 'string' ? this.#prepare(statement) : this.#lookUp(statement);
    if (prepared.columns === undefined) {
      const { changes } = prepared.statement.run(...parameters);
      if (changes <= 1) return changes === 1 ? oneChange : noRows;
      return { columns: noColumns, rows: [], changes };
    }
    const rows = prepared.statement.all(...parameters) as SqlValue[][];
    return { columns: prepared.columns, rows, changes: rows.length };
  }

  #lookUp(number: number): Prepared {
    let prepared = this.#prepared.get(number);
    if (prepared === undefined) {
      prepared = this.#prepare(this.#texts.get(number) ?? '');
      this.#prepared.set(number, prepared);
    }
    return prepared;
  }

  #prepare(sql: string): Prepared {
    const statement = this.#database.prepare(sql);
    if (!statement.reader) return { statement, columns: undefined };
    return { statement: statement.raw(true), columns: statement.columns().map((column) => column.name) };
  }
}
