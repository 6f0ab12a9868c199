import BetterSqlite3, { type Database } from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../shared/ids.ts';
import { parseLogFilter } from '../../shared/log-filter.ts';
import { keptRequest } from '../../tests/conformance/kept-requests-suite.ts';
import {
  anyLogLines,
  functionRecord,
  invocationRecord,
  logLine,
  newItem,
  scheduleRecord,
  settleReport,
} from '../../tests/conformance/store-records.ts';
import { testClock } from '../../tests/conformance/store-support.ts';
import type { ErrorGroupId } from '../core/ports/error-groups.ts';
import type { Store } from '../core/ports/store.ts';
import { migrations } from './migrations/table.ts';
import type { Step, StepResult } from './sql-session.ts';
import { SqlStore } from './sql-store.ts';
import type { TransactionLane } from './sqlite/dialect.ts';
import { SqliteSession } from './sqlite/sqlite-session.ts';
import { StatementCache } from './sqlite/statement-cache.ts';

/** The models over a database in this thread, so that their very statements can be explained. */
class RecordingLane implements TransactionLane {
  readonly #database: Database;
  readonly #statements: StatementCache;
  readonly seen: Step[] = [];

  constructor(database: Database) {
    this.#database = database;
    this.#statements = new StatementCache({ database });
  }

  async read(steps: readonly Step[]): Promise<readonly StepResult[]> {
    this.seen.push(...steps);
    return this.#statements.run(steps.map((step) => [step.sql, step.parameters, step.skipWhenNone]));
  }

  write(steps: readonly Step[]): Promise<readonly StepResult[]> {
    return this.read(steps);
  }

  async begin(): Promise<TransactionLane> {
    this.#database.exec('begin');
    return this;
  }

  async commit(): Promise<void> {
    this.#database.exec('commit');
  }

  async rollback(): Promise<void> {
    this.#database.exec('rollback');
  }
}

let database: Database;
let lane: RecordingLane;
let store: Store;

beforeEach(async () => {
  database = new BetterSqlite3(':memory:');
  lane = new RecordingLane(database);
  const copy = () => Promise.reject(new Error('not part of this test'));
  store = new SqlStore({
    session: new SqliteSession({ lane }),
    clock: testClock,
    migrations,
    copy,
    close: async () => {},
  });
  await store.migrate();
  lane.seen.length = 0;
});
afterEach(() => {
  database.close();
});

/** The tables that a statement walks from end to end, or sorts. Walking an index or the primary key in its order is what pages do. */
function walks(step: Step): string[] {
  if (/ order by "seq"( desc)? limit \?( offset \?)?$/.test(step.sql) && !step.sql.includes('where')) return [];
  const rows = database.prepare(`explain query plan ${step.sql}`).all(...step.parameters) as { detail: string }[];
  return rows
    .map((row) => row.detail)
    .filter((detail) => (detail.startsWith('SCAN ') && !detail.includes(' USING ')) || detail.includes('TEMP B-TREE'))
    .map((detail) => `${detail} in ${step.sql}`);
}

const ofClaim = /SCAN (json_each|present|heads|turns|picks|CONSTANT ROW|\(subquery)|TEMP B-TREE/;

describe('the statements of the models', () => {
  it('claim from indexes, sorting no more than they lease', async () => {
    await store.queue.enqueue(newItem({ idempotencyKey: 'k' }));
    const [claim] = await store.queue.claim('o', 1, 10, 5000);
    if (claim === undefined) throw new Error('nothing claimed');
    await store.queue.nextDueAt([newId('function')]);
    expect(lane.seen.flatMap(walks).filter((walk) => !ofClaim.test(walk))).toEqual([]);
    const plan = database
      .prepare(`explain query plan ${lane.seen.find((step) => step.sql.includes('recursive'))?.sql}`)
      .all(...(lane.seen.find((step) => step.sql.includes('recursive'))?.parameters ?? [])) as { detail: string }[];
    const details = plan.map((row) => row.detail).join('\n');
    expect(details).toContain('SEARCH i USING COVERING INDEX invocation_queue_by_function');
    expect(details).not.toMatch(/SCAN (i|invocation_queue)$/m);
  });

  it('settle, extend, cancel and look without walking', async () => {
    for (let i = 0; i < 5; i++) await store.queue.enqueue(newItem());
    const claims = await store.queue.claim('o', 5, 10, 5000);
    lane.seen.length = 0;
    const report = settleReport('success');
    const dispositions = [
      { kind: 'done', report, result: Buffer.from('1') },
      { kind: 'retry', runAt: 1, report, error: undefined },
      { kind: 'dead-letter', reason: 'too-old', report, error: undefined },
      { kind: 'cancelled', report },
      { kind: 'release' },
    ] as const;
    for (const [i, disposition] of dispositions.entries()) {
      const claim = claims[i];
      if (claim === undefined) throw new Error('nothing claimed');
      await store.queue.extend(claim, 6000);
      expect(await store.queue.settle(claim, disposition, 6000)).toBe(true);
    }
    await store.queue.cancel(newId('invocation'), 1);
    await store.queue.releaseOwned('o');
    await store.queue.depth(newId('function'));
    await store.queue.nextDueAt();
    expect(lane.seen.flatMap(walks)).toEqual([]);
  });

  it('write records, logs, points, ticks and sandboxes without walking', async () => {
    const record = functionRecord('resize');
    await store.functions.create(record);
    await store.schedules.replace(record.id, [scheduleRecord(record.id, 'nightly')]);
    await store.routes.replace(record.id, []);
    await store.schedules.fireTick(newId('schedule'), 1, undefined);
    const payload = { payload: Buffer.from('1'), result: Buffer.from('2'), request: keptRequest() };
    await store.invocations.record([{ record: invocationRecord(), payload }]);
    await store.logs.append([logLine(1)]);
    await store.metricPoints.put([{ functionId: record.id, version: 1, stepMs: 1, at: 1, data: Buffer.from('x') }]);
    await store.tokens.touch(newId('token'), 1);
    await store.sandboxes.put({ schema: 1, driver: 'fake', id: newId('sandbox'), data: {} }, 1);
    await store.sandboxes.remove(newId('sandbox'));
    await store.check();
    expect(lane.seen.flatMap(walks)).toEqual([]);
  });

  it('read pages along an index', async () => {
    const functionId = newId('function');
    const page = { limit: 10, cursor: undefined };
    const errorGroup = `err_${'a'.repeat(24)}` as ErrorGroupId;
    const none = {
      functionId: undefined,
      functionName: undefined,
      status: undefined,
      trigger: undefined,
      from: undefined,
      to: undefined,
    };
    await store.functions.findByName('resize');
    await store.functions.list(page);
    await store.functions.list(page, undefined, 'acme');
    await store.versions.find(functionId, 1);
    await store.versions.list(functionId, page);
    await store.invocations.find(newId('invocation'));
    await store.invocations.list(none, page);
    await store.invocations.list({ ...none, functionName: 'resize', from: 1, to: 2 }, page);
    await store.invocations.list({ ...none, functionName: 'resize' }, page);
    await store.invocations.list({ ...none, status: 'function-error' }, page);
    await store.invocations.list({ ...none, trigger: 'schedule' }, page);
    await store.invocations.list({ ...none, version: 2, minDurationMs: 5, search: 'x' }, page);
    await store.invocations.list({ ...none, project: 'acme', search: newId('invocation') }, page);
    for (const project of ['default', 'acme'])
      for (const more of [
        {},
        { functionName: 'resize' },
        { status: 'function-error' as const },
        { trigger: 'http' as const },
      ])
        await store.invocations.list({ ...none, ...more, project, version: 2 }, page);
    await store.invocations.deadLetters({ project: 'default' }, page);
    await store.invocations.deadLetters({}, page);
    await store.invocations.countDeadLetters({ project: 'default' }, 1000);
    await store.invocations.countDeadLetters({ functionId }, 1000);
    await store.queue.depth([functionId]);
    await store.queue.oldestDueAt([functionId]);
    await store.queue.oldestDueAt(undefined);
    await store.invocations.deadLetters({ functionId }, page);
    await store.invocations.list({ ...none, project: 'acme' }, page);
    await store.audit.list(page);
    await store.audit.list(page, { project: 'acme' });
    await store.audit.oldest(page);
    await store.audit.oldest(page, { project: 'acme' });
    for (const filter of [
      { actor: 'ci' },
      { actor: newId('token') },
      { action: 'secret.put' },
      { resource: 'secret', project: 'acme' },
      { target: 'KEY', from: 1 },
      { outcome: 'refused' as const },
      { outcome: 'done' as const, project: 'acme' },
      { from: 1, to: 2 },
    ]) {
      await store.audit.list(page, filter);
      await store.audit.oldest(page, filter);
    }
    await store.errorGroups.list({ project: 'acme', functionId: undefined, state: undefined }, page);
    await store.errorGroups.list({ project: 'acme', functionId, state: undefined }, page);
    await store.errorGroups.list({ project: 'acme', functionId: undefined, state: 'open' }, page);
    await store.errorGroups.tallies([errorGroup], 1);
    await store.egressRefusals.list(functionId, 10);
    await store.aliases.moves(functionId, undefined, page);
    await store.aliases.moves(functionId, 'live', page);
    await store.builds.find('acme', newId('build'));
    await store.builds.log(newId('build'));
    await store.builds.list({ project: 'acme' }, page);
    await store.builds.list({ project: 'acme', functionName: 'acme/resize' }, page);
    await store.builds.list({ project: 'acme', isWithoutFunction: true }, page);
    await store.builds.unfinished();
    await store.canaryAborts.list({ functionId, from: 1, to: 9, limit: 10 });
    await store.testEvents.list(functionId, 'usr_1');
    await store.testEvents.content({ functionId, owner: undefined, name: 'order' });
    await store.testEvents.removeOwned('usr_1');
    await store.canaryAborts.list({ functionId: undefined, from: 1, to: 9, limit: 10 });
    const logs = anyLogLines;
    await store.logs.query({ ...logs, functionId, search: 'x', since: 1 });
    await store.logs.query({ ...logs, since: 1, until: 2, fromEnd: false });
    await store.logs.query({ ...logs, beforeSeq: 9 });
    await store.logs.query({ ...logs, invocationId: newId('invocation'), fromEnd: false });
    const parsed = parseLogFilter('level:error status:>=500 text -noise');
    await store.logs.query({ ...logs, functionId, terms: parsed.isValid ? parsed.terms : undefined });
    await store.logs.query({ ...logs, afterSeq: 5, fromEnd: false });
    await store.logs.query({ ...logs, project: 'acme' });
    await store.logs.lastSeq();
    expect(lane.seen.flatMap(walks)).toEqual([]);
  });

  it('count lines from an index, sorting only what they group', async () => {
    const count = { ...anyLogLines, project: 'default', since: 1, until: 3_600_000, maxSteps: 80 };
    const parsed = parseLogFilter('level:error status:>=500 text -noise');
    const terms = parsed.isValid ? parsed.terms : undefined;
    await store.logs.count(count);
    await store.logs.count({ ...count, functionId: newId('function'), until: 1_000 });
    await store.logs.count({ ...count, terms });
    await store.logs.count({ ...count, invocationId: newId('invocation') });
    const sorted = lane.seen.flatMap(walks).filter((walk) => !walk.startsWith('USE TEMP B-TREE FOR GROUP BY'));
    expect(sorted).toEqual([]);
    const plans = lane.seen.map((step) => {
      const rows = database.prepare(`explain query plan ${step.sql}`).all(...step.parameters) as { detail: string }[];
      return rows.map(({ detail }) => detail).join('; ');
    });
    expect(plans[0]).toContain('SEARCH log_counts USING PRIMARY KEY (series=? AND at>? AND at<?)');
    expect(plans.at(-2)).toContain('logs_by_invocation');
  });

  it('find what failed, and what one function did, without walking all that a project did', async () => {
    const page = { limit: 10, cursor: undefined };
    const none = { functionName: undefined, status: undefined, trigger: undefined, from: undefined, to: undefined };
    const names = ['resize', 'acme/resize', 'acme/zoo'];
    const records = names.map((functionName) => invocationRecord({ functionName, status: 'function-error' }));
    await store.invocations.record(records.map((record) => ({ record, payload: undefined })));
    lane.seen.length = 0;
    const listed = async (filter: object): Promise<readonly string[]> =>
      (await store.invocations.list({ ...none, ...filter }, page)).items.map(({ functionName }) => functionName);
    expect(await listed({ project: 'default', status: 'function-error' })).toEqual(['resize']);
    expect(await listed({ project: 'acme', status: 'function-error' })).toEqual(['acme/zoo', 'acme/resize']);
    expect(await listed({ project: 'acme', functionName: 'acme/resize' })).toEqual(['acme/resize']);
    expect(await listed({ project: 'acme', functionName: 'resize' })).toEqual([]);
    // The first line of a plan: after it, whether the request of each was kept is looked up.
    const indexes = lane.seen.map((step) => {
      const rows = database.prepare(`explain query plan ${step.sql}`).all(...step.parameters) as { detail: string }[];
      return rows.map(({ detail }) => detail.replace('SEARCH invocations USING INDEX ', '')).at(0);
    });
    expect(indexes).toEqual([
      'invocations_by_status (status=?)',
      'invocations_by_project_status (<expr>=? AND status=?)',
      'invocations_by_function_name (function_name=?)',
    ]);
  });

  it('prune along an index', async () => {
    await store.invocations.prune(10);
    await store.logs.prune(10);
    await store.metricPoints.prune(10, 10);
    await store.errorGroups.prune(10);
    await store.egressRefusals.prune(10);
    await store.canaryAborts.prune(10);
    await store.invocations.pruneRequests({ before: 10, maxBytes: 0, maxBytesPerFunction: 0 });
    await store.builds.prune(10);
    await store.builds.keepNewest('resize', 5);
    await store.builds.removeOf({ project: 'acme', functionName: 'acme/resize' });
    await store.builds.removeOf({ project: 'acme' });
    expect(lane.seen.flatMap(walks)).toEqual([]);
  });
});
