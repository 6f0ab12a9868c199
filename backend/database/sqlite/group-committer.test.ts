import BetterSqlite3, { type Database } from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rest } from '../sql-session.ts';
import { GroupCommitter } from './group-committer.ts';
import type { WireReply, WireRequest, WireStep } from './protocol.ts';
import { StatementCache } from './statement-cache.ts';

const statements = [
  [0, 'insert into t (id) values (?)'],
  [1, 'insert into t (id) values (?) on conflict do nothing'],
  [2, 'select id from t order by id'],
] as const;

/** A database that answers one statement, once, with an error of the disk, as SQLite does: the transaction is gone. */
function failingOnce(database: Database, sql: string, code: string): Database {
  let isArmed = true;
  return new Proxy(database, {
    get(target, name) {
      if (name !== 'prepare') {
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return (text: string) => {
        const statement = target.prepare(text);
        if (text !== sql) return statement;
        return {
          run: () => {
            if (!isArmed) return statement.run();
            isArmed = false;
            target.exec('rollback');
            throw Object.assign(new Error('disk'), { code });
          },
        };
      };
    },
  });
}

let database: Database;
let groups: (readonly WireReply[])[];
const closed: number[] = [];

function committer(over: { database?: Database; maxGroupUnits?: number } = {}): GroupCommitter {
  const cache = new StatementCache({ database });
  cache.announce(statements);
  return new GroupCommitter({
    database,
    statements: cache,
    maxGroupUnits: 100,
    reply: (replies) => groups.push(replies),
    ...over,
  });
}
function run(target: GroupCommitter, ...requests: WireRequest[]): void {
  target.accept(requests);
  while (target.step((id) => closed.push(id))) {}
}
const unit = (id: number, ...steps: WireStep[]): WireRequest => ({ op: 'unit', id, steps });
const insert = (value: number): WireStep => [0, [value], 0];
const ids = (): unknown[] => database.prepare('select id from t order by id').pluck().all();

beforeEach(() => {
  database = new BetterSqlite3(':memory:');
  database.exec('create table t (id integer primary key) strict');
  groups = [];
  closed.length = 0;
});
afterEach(() => {
  database.close();
});

describe('a group', () => {
  it('answers all its units after one commit, and the one that fails alone', () => {
    run(
      committer(),
      unit(1, insert(1)),
      unit(2, insert(2), insert(1)),
      unit(3, insert(3)),
      unit(4, [0, ['text'], 0]),
      unit(5, [2, [], 0]),
    );
    expect(groups).toHaveLength(1);
    expect(groups[0]).toMatchObject([
      { id: 1, results: [{ changes: 1 }] },
      { id: 2, error: { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' } },
      { id: 3, results: [{ changes: 1 }] },
      { id: 4, error: { code: 'SQLITE_MISMATCH' } },
      { id: 5, results: [{ columns: ['id'], rows: [[1], [3]] }] },
    ]);
    expect(ids()).toEqual([1, 3]);
  });

  it('is no larger than allowed', () => {
    run(committer({ maxGroupUnits: 2 }), unit(1, insert(1)), unit(2, insert(2)), unit(3, insert(3)));
    expect(groups.map((group) => group.length)).toEqual([2, 1]);
  });

  it('leaves steps out after one that touched nothing', () => {
    run(committer(), unit(1, insert(1)));
    run(committer(), unit(2, [1, [1], 1], insert(2), insert(3)), unit(3, [1, [1], rest], insert(4), insert(5)));
    expect(ids()).toEqual([1, 3]);
    expect(groups[1]).toMatchObject([
      { results: [{ changes: 0 }, { changes: 0 }, { changes: 1 }] },
      { results: [{ changes: 0 }, { changes: 0 }, { changes: 0 }] },
    ]);
  });

  it('that the disk refused is tried again unit by unit', () => {
    run(
      committer({ database: failingOnce(database, 'commit', 'SQLITE_FULL') }),
      unit(1, insert(1)),
      unit(2, insert(2)),
    );
    expect(groups).toMatchObject([
      [
        { id: 1, results: [{ changes: 1 }] },
        { id: 2, results: [{ changes: 1 }] },
      ],
    ]);
    expect(ids()).toEqual([1, 2]);
  });

  it('whose flush failed is lost, and nothing is ever written after it', () => {
    const target = committer({ database: failingOnce(database, 'commit', 'SQLITE_IOERR_FSYNC') });
    run(target, unit(1, insert(1)), unit(2, insert(2)));
    const error = { code: 'SQLITE_IOERR_FSYNC' };
    expect(groups[0]).toMatchObject([{ error }, { error }]);
    run(target, unit(3, insert(3)), { op: 'begin', id: 4 });
    expect(groups.slice(1)).toMatchObject([[{ id: 3, error }], [{ id: 4, error }]]);
    expect(ids()).toEqual([]);
  });
});

describe('a transaction', () => {
  it('makes everybody else wait until it is over', () => {
    const target = committer();
    run(target, { op: 'begin', id: 1 }, unit(2, insert(2)));
    run(target, { op: 'tx', id: 3, steps: [insert(3)] });
    expect(groups.flat().map((reply) => reply.id)).toEqual([1, 3]);
    run(target, { op: 'rollback', id: 4 });
    expect(groups.flat().map((reply) => reply.id)).toEqual([1, 3, 4, 2]);
    expect(ids()).toEqual([2]);
  });

  it('survives a unit that fails in it', () => {
    const target = committer();
    run(target, { op: 'begin', id: 1 });
    run(target, { op: 'tx', id: 2, steps: [insert(1), insert(1)] });
    run(target, { op: 'tx', id: 3, steps: [insert(5)] }, { op: 'commit', id: 4 });
    expect(groups.flat()).toMatchObject([{ id: 1 }, { id: 2, error: {} }, { id: 3, results: [{}] }, { id: 4 }]);
    expect(ids()).toEqual([5]);
  });

  it('that is over takes nothing more', () => {
    run(committer(), { op: 'tx', id: 1, steps: [insert(1)] }, { op: 'commit', id: 2 });
    expect(groups.flat()).toMatchObject([{ error: { code: 'NO_TRANSACTION' } }, { error: { code: 'NO_TRANSACTION' } }]);
  });

  it('that cannot commit says so and lets others go on', () => {
    const target = committer({ database: failingOnce(database, 'commit', 'SQLITE_FULL') });
    run(target, { op: 'begin', id: 1 }, { op: 'tx', id: 2, steps: [insert(1)] });
    run(target, { op: 'commit', id: 3 }, unit(4, insert(4)));
    expect(groups.flat()[2]).toMatchObject({ id: 3, error: { code: 'SQLITE_FULL' } });
    expect(ids()).toEqual([4]);
  });
});

it('closes after what was asked before', () => {
  run(committer(), unit(1, insert(1)), { op: 'close', id: 2 });
  expect(groups.flat().map((reply) => reply.id)).toEqual([1]);
  expect(closed).toEqual([2]);
});
