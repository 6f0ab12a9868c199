import { describe, expect, it } from 'vitest';
import { isFatal, platformErrorOf } from './sqlite-errors.ts';

const path = '/srv/data/hearth.db';
const of = (code: string) => platformErrorOf({ code, message: 'as SQLite says' }, path);

describe('errors of SQLite', () => {
  it.each([
    ['SQLITE_FULL', 'unavailable', 'storage_full'],
    ['SQLITE_IOERR_SHMSIZE', 'unavailable', 'storage_full'],
    ['SQLITE_IOERR', 'unavailable', 'storage_failed'],
    ['SQLITE_IOERR_WRITE', 'unavailable', 'storage_failed'],
    ['SQLITE_IOERR_FSYNC', 'unavailable', 'storage_failed'],
    ['SQLITE_IOERR_CORRUPTFS', 'unavailable', 'storage_corrupt'],
    ['SQLITE_CORRUPT', 'unavailable', 'storage_corrupt'],
    ['SQLITE_CORRUPT_INDEX', 'unavailable', 'storage_corrupt'],
    ['SQLITE_NOTADB', 'unavailable', 'storage_corrupt'],
    ['SQLITE_CANTOPEN_ISDIR', 'unavailable', 'storage_failed'],
    ['SQLITE_READONLY', 'unavailable', 'storage_failed'],
    ['SQLITE_BUSY_SNAPSHOT', 'unavailable', 'storage_busy'],
    ['SQLITE_CONSTRAINT_UNIQUE', 'conflict', 'already_exists'],
    ['SQLITE_CONSTRAINT_PRIMARYKEY', 'conflict', 'already_exists'],
    ['SQLITE_CONSTRAINT_FOREIGNKEY', 'not_found', 'function_not_found'],
    ['SQLITE_CONSTRAINT_CHECK', 'internal', 'storage_constraint'],
    ['SQLITE_TOOBIG', 'payload_too_large', 'value_too_large'],
    ['SQLITE_ERROR', 'internal', 'storage_bug'],
    ['INTERNAL', 'internal', 'storage_bug'],
  ])('%s is %s/%s', (code, kind, expected) => {
    const error = of(code);
    expect(error).toMatchObject({ kind, code: expected });
    expect(String(error.cause)).toContain(`${code}: as SQLite says`);
    expect(error.message).not.toContain('as SQLite says');
  });

  it('say when to come back, which file, and what to do', () => {
    expect(of('SQLITE_FULL').retryAfterSeconds).toBeGreaterThan(0);
    expect(of('SQLITE_BUSY').retryAfterSeconds).toBeGreaterThan(0);
    for (const code of ['SQLITE_FULL', 'SQLITE_CORRUPT', 'SQLITE_IOERR_READ', 'SQLITE_READONLY']) {
      expect(of(code).message).toContain(path);
    }
    expect(of('SQLITE_CORRUPT').message).toContain('.recover');
    expect(of('SQLITE_IOERR_READ').message).toContain('SQLITE_IOERR_READ');
  });

  it('are fatal only when a flush failed', () => {
    expect(['SQLITE_IOERR_FSYNC', 'SQLITE_IOERR_DIR_FSYNC'].map((code) => isFatal(of(code)))).toEqual([true, true]);
    expect(['SQLITE_FULL', 'SQLITE_IOERR_WRITE'].map((code) => isFatal(of(code)))).toEqual([false, false]);
  });
});
