import type { Database, Statement } from 'better-sqlite3';
import type { StepResult } from '../sql-session.ts';
import type { WireError, WireReply, WireRequest, WireStep } from './protocol.ts';
import type { StatementCache } from './statement-cache.ts';

type Unit = Extract<WireRequest, { readonly op: 'unit' | 'tx' }>;

export interface GroupCommitterOptions {
  readonly database: Database;
  readonly statements: StatementCache;
  readonly maxGroupUnits: number;
  /** Called once per group, after its COMMIT, so after its flush to disk. */
  readonly reply: (replies: readonly WireReply[]) => void;
}

/** After one of these nobody knows what is on disk; trying to flush again would report a success that is none. */
const fatalCodes = new Set(['SQLITE_IOERR_FSYNC', 'SQLITE_IOERR_DIR_FSYNC']);

export function wireError(error: unknown): WireError {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'INTERNAL';
  return { code, message: error instanceof Error ? error.message : String(error) };
}

/**
 * The writing side of the database. Units that wait are run together in one transaction with one flush, each in its
 * own savepoint, so that one that fails leaves the others alone. States:
 *
 * | state       | unit                      | begin            | tx, commit, rollback       |
 * |-------------|---------------------------|------------------|----------------------------|
 * | idle        | next group                | -> transaction   | refused                    |
 * | transaction | waits                     | waits            | run; the last two -> idle  |
 * | failed      | refused with the cause    | refused          | refused                    |
 */
export class GroupCommitter {
  readonly #database: Database;
  readonly #statements: StatementCache;
  readonly #maxGroupUnits: number;
  readonly #reply: GroupCommitterOptions['reply'];
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;
  readonly #savepoint: Statement;
  readonly #release: Statement;
  readonly #rollbackTo: Statement;
  #waiting: WireRequest[] = [];
  #ofTransaction: WireRequest[] = [];
  #isInTransaction = false;
  #failure: WireError | undefined;

  constructor(options: GroupCommitterOptions) {
    this.#database = options.database;
    this.#statements = options.statements;
    this.#maxGroupUnits = options.maxGroupUnits;
    this.#reply = options.reply;
    this.#begin = options.database.prepare('begin immediate');
    this.#commit = options.database.prepare('commit');
    this.#rollback = options.database.prepare('rollback');
    this.#savepoint = options.database.prepare('savepoint unit');
    this.#release = options.database.prepare('release unit');
    this.#rollbackTo = options.database.prepare('rollback to unit');
  }

  get waitingUnits(): number {
    return this.#waiting.length;
  }

  accept(requests: readonly WireRequest[]): void {
    for (const request of requests) {
      const isOfTransaction = request.op === 'tx' || request.op === 'commit' || request.op === 'rollback';
      (isOfTransaction ? this.#ofTransaction : this.#waiting).push(request);
    }
  }

  /** Does the next piece of work; false when there is none. A `close` request is the caller's, as `onClose`. */
  step(onClose: (id: number) => void): boolean {
    const inTransaction = this.#ofTransaction.shift();
    if (inTransaction !== undefined) {
      this.#reply([this.#runInTransaction(inTransaction)]);
      return true;
    }
    const first = this.#waiting[0];
    if (first === undefined || this.#isInTransaction) return false;
    if (first.op === 'unit') {
      this.#reply(this.#runGroup(this.#takeGroup()));
      return true;
    }
    this.#waiting.shift();
    if (first.op === 'close') onClose(first.id);
    else this.#reply([this.#openTransaction(first.id)]);
    return true;
  }

  #takeGroup(): Unit[] {
    const units: Unit[] = [];
    for (const request of this.#waiting) {
      if (request.op !== 'unit' || units.length === this.#maxGroupUnits) break;
      units.push(request);
    }
    this.#waiting = this.#waiting.slice(units.length);
    return units;
  }

  #runGroup(units: readonly Unit[]): WireReply[] {
    const failure = this.#failure;
    if (failure !== undefined) return units.map(({ id }) => ({ id, error: failure }));
    try {
      this.#begin.run();
      const replies = units.map((unit) => this.#runUnit(unit, units.length > 1));
      this.#commit.run();
      return replies;
    } catch (error) {
      this.#abandon(error);
      const cause = wireError(error);
      if (units.length === 1 || this.#failure !== undefined) return units.map(({ id }) => ({ id, error: cause }));
      if (cause.code === 'SQLITE_FULL') this.#shrinkLog();
      return units.flatMap((unit) => this.#runGroup([unit]));
    }
  }

  /** Throws only when SQLite gave up the whole transaction (disk full, I/O error), or the unit is alone in it. */
  #runUnit(unit: Unit, hasCompany: boolean): WireReply {
    if (!hasCompany) return { id: unit.id, results: this.#statements.run(unit.steps) };
    return this.#runAtomically(unit.id, unit.steps);
  }

  /** One statement is all or nothing by itself; several need a savepoint to be. */
  #runAtomically(id: number, steps: readonly WireStep[]): WireReply {
    const needsSavepoint = steps.length > 1;
    if (needsSavepoint) this.#savepoint.run();
    let results: StepResult[];
    try {
      results = this.#statements.run(steps);
    } catch (error) {
      if (!this.#database.inTransaction) throw error;
      if (needsSavepoint) {
        this.#rollbackTo.run();
        this.#release.run();
      }
      return { id, error: wireError(error) };
    }
    if (needsSavepoint) this.#release.run();
    return { id, results };
  }

  #openTransaction(id: number): WireReply {
    if (this.#failure !== undefined) return { id, error: this.#failure };
    try {
      this.#begin.run();
      this.#isInTransaction = true;
      return { id, results: [] };
    } catch (error) {
      this.#abandon(error);
      return { id, error: wireError(error) };
    }
  }

  #runInTransaction(request: WireRequest): WireReply {
    const { id } = request;
    if (!this.#isInTransaction) {
      return { id, error: { code: 'NO_TRANSACTION', message: 'the transaction is over' } };
    }
    try {
      if (request.op === 'tx') return this.#runAtomically(id, request.steps);
      const statement = request.op === 'commit' ? this.#commit : this.#rollback;
      statement.run();
      this.#isInTransaction = false;
      return { id, results: [] };
    } catch (error) {
      this.#isInTransaction = false;
      this.#abandon(error);
      return { id, error: wireError(error) };
    }
  }

  /** Ends what may be left of a transaction after an error. */
  #abandon(error: unknown): void {
    const cause = wireError(error);
    if (fatalCodes.has(cause.code)) this.#failure = cause;
    if (!this.#database.inTransaction) return;
    try {
      this.#rollback.run();
    } catch (second) {
      this.#failure = wireError(second);
    }
  }

  /** On a full disk, moving the log into the database file may win the room that small writes need. */
  #shrinkLog(): void {
    try {
      this.#database.pragma('wal_checkpoint(truncate)');
    } catch {
      // The disk is full: the units themselves will say so.
    }
  }
}
