import { closeSync, openSync } from 'node:fs';
import BetterSqlite3, { type Database } from 'better-sqlite3';
import { DataLock, lockHolder } from './data-lock.ts';
import { GroupCommitter, wireError } from './group-committer.ts';
import type { ThreadOptions, WireFromThread, WireMessage, WireReply, WireRequest } from './protocol.ts';
import { StatementCache } from './statement-cache.ts';

export interface DatabaseThreadOptions extends ThreadOptions {
  readonly post: (message: WireFromThread) => void;
  /** The next message that has arrived already, without waiting. */
  readonly poll: () => WireMessage | undefined;
  /** Nothing more will come: let the thread end. */
  readonly end: () => void;
}

/** What runs inside a database thread: owns the connection, takes messages, answers in groups. */
export class DatabaseThread {
  readonly #options: DatabaseThreadOptions;
  readonly #database: Database;
  readonly #lock: DataLock | undefined;
  readonly #statements: StatementCache;
  readonly #committer: GroupCommitter | undefined;
  #isDelaying = false;

  private constructor(options: DatabaseThreadOptions, database: Database, lock: DataLock | undefined) {
    this.#options = options;
    this.#database = database;
    this.#lock = lock;
    this.#statements = new StatementCache({ database });
    if (options.role === 'writer') {
      this.#committer = new GroupCommitter({
        database,
        statements: this.#statements,
        maxGroupUnits: options.maxGroupUnits,
        reply: (replies) => options.post({ kind: 'replies', replies }),
      });
    }
  }

  /** Opens and says so, or says why not and ends. */
  static open(options: DatabaseThreadOptions): DatabaseThread | undefined {
    let lock: DataLock | undefined;
    try {
      if (options.role === 'writer') lock = DataLock.acquire(options.path);
    } catch (error) {
      options.post({ kind: 'refused', error: wireError(error), holder: lockHolder(options.path) ?? 'unknown' });
      options.end();
      return undefined;
    }
    try {
      const thread = new DatabaseThread(options, openDatabase(options), lock);
      options.post({ kind: 'opened' });
      return thread;
    } catch (error) {
      lock?.release();
      options.post({ kind: 'refused', error: wireError(error), holder: undefined });
      options.end();
      return undefined;
    }
  }

  receive(message: WireMessage): void {
    this.#take(message);
    const { groupCommitMaxDelayMs: delayMs, maxGroupUnits } = this.#options;
    if (this.#committer === undefined || delayMs === 0 || this.#committer.waitingUnits >= maxGroupUnits) {
      this.#work();
    } else if (!this.#isDelaying) {
      this.#isDelaying = true;
      setTimeout(() => {
        this.#isDelaying = false;
        this.#work();
      }, delayMs);
    }
  }

  /** Until nothing waits. What arrived during a flush joins the next group: the queue is polled between groups. */
  #work(): void {
    do {
      for (let next = this.#options.poll(); next !== undefined; next = this.#options.poll()) this.#take(next);
    } while (this.#committer?.step((id) => this.#close(id)));
  }

  #take(message: WireMessage): void {
    this.#statements.announce(message.statements);
    if (this.#committer !== undefined) this.#committer.accept(message.requests);
    else this.#read(message.requests);
  }

  #read(requests: readonly WireRequest[]): void {
    const replies: WireReply[] = [];
    for (const request of requests) {
      if (request.op === 'unit') replies.push(this.#readUnit(request));
    }
    if (replies.length > 0) this.#options.post({ kind: 'replies', replies });
    const close = requests.find((request) => request.op === 'close');
    if (close !== undefined) this.#close(close.id);
  }

  /** Several statements see one state of the database. */
  #readUnit({ id, steps }: Extract<WireRequest, { readonly op: 'unit' | 'tx' }>): WireReply {
    try {
      if (steps.length === 1) return { id, results: this.#statements.run(steps) };
      return { id, results: this.#database.transaction(() => this.#statements.run(steps))() };
    } catch (error) {
      return { id, error: wireError(error) };
    }
  }

  #close(id: number): void {
    let reply: WireReply = { id, results: [] };
    try {
      if (this.#options.role === 'writer') this.#database.pragma('wal_checkpoint(truncate)');
    } catch (error) {
      reply = { id, error: wireError(error) };
    }
    this.#database.close();
    this.#lock?.release();
    this.#options.post({ kind: 'replies', replies: [reply] });
    this.#options.end();
  }
}

/** Payloads and hashes of tokens are nobody else's business: the file is made for its owner alone, and WAL files follow it. */
function openDatabase(options: ThreadOptions): Database {
  const { path, role } = options;
  if (role === 'reader') {
    const reader = new BetterSqlite3(path, { readonly: true, fileMustExist: true, timeout: options.busyTimeoutMs });
    reader.pragma(`cache_size = -${options.cacheKib}`);
    return reader;
  }
  closeSync(openSync(path, 'a', 0o600));
  const database = new BetterSqlite3(path, { timeout: options.busyTimeoutMs });
  try {
    database.pragma('journal_mode = wal');
    database.pragma('synchronous = full');
    database.pragma('foreign_keys = on');
    database.pragma(`cache_size = -${options.cacheKib}`);
    database.pragma(`wal_autocheckpoint = ${options.walAutoCheckpointPages}`);
    // A log that grew during a long read is cut back to this after the next checkpoint.
    database.pragma(`journal_size_limit = ${options.walAutoCheckpointPages * 4096 * 4}`);
    database.pragma('wal_checkpoint(truncate)');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
