import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import BetterSqlite3, { type Database } from 'better-sqlite3';

/**
 * One platform per database. The lock is an advisory lock of the kernel, held through an empty SQLite file
 * `<path>.lock`: it ends with the process however that ends, so it is never stale. `<path>.pid` only tells who it is.
 */
export class DataLock {
  readonly #lock: Database;

  private constructor(lock: Database) {
    this.#lock = lock;
  }

  /** Throws SQLITE_BUSY when somebody holds it. */
  static acquire(path: string): DataLock {
    closeSync(openSync(pidPath(path), 'a', 0o600));
    const lock = new BetterSqlite3(`${path}.lock`, { timeout: 0 });
    try {
      lock.exec('begin exclusive');
      writeFileSync(pidPath(path), `${process.pid}\n`);
    } catch (error) {
      lock.close();
      throw error;
    }
    return new DataLock(lock);
  }

  release(): void {
    this.#lock.close();
  }
}

/** The process that holds the lock, as far as it wrote it down. */
export function lockHolder(path: string): string | undefined {
  try {
    const text = readFileSync(pidPath(path), 'utf8').trim();
    return /^\d+$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

function pidPath(path: string): string {
  return `${path}.pid`;
}
