import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../backend/core/ports/store.ts';
import type { FunctionId } from '../../shared/ids.ts';
import { newId } from '../../shared/ids.ts';
import { describeAlerts } from './alert-store-suite.ts';
import { describeAliasMoves } from './alias-moves-suite.ts';
import { describeAuditFilters } from './audit-suite.ts';
import { describeBuilds } from './builds-suite.ts';
import { describeCanaryAborts } from './canary-aborts-suite.ts';
import { describeEgressRefusals } from './egress-refusals-suite.ts';
import { describeErrorGroups } from './error-groups-suite.ts';
import { describeKeptRequests } from './kept-requests-suite.ts';
import { describeLogFilter } from './log-filter-suite.ts';
import { describeQueue } from './queue-suite.ts';
import { describeSchedules } from './schedules-suite.ts';
import { describeSecrets } from './secrets-suite.ts';
import {
  anyLogLines,
  drain,
  functionRecord,
  invocationRecord,
  logLine,
  newItem,
  scheduleRecord,
  secretRecord,
  settleReport,
  versionRecord,
} from './store-records.ts';
import { describeTestEvents } from './test-events-suite.ts';
import { describeUserStore } from './user-store-suite.ts';

/** One database of the implementation under test. Opening again after closing finds what was written. */
export interface StoreFixture {
  readonly store: Store;
  readonly close: () => Promise<void>;
}

const first = { limit: 2, cursor: undefined };
const noFilter = {
  ...{ functionName: undefined, status: undefined, trigger: undefined, from: undefined, to: undefined },
};

/** Everything that holds for every Store, whatever it stands on. `open` gives an empty, migrated database. */
export function describeStore(name: string, open: () => Promise<StoreFixture>): void {
  describe(`store: ${name}`, () => {
    let fixture: StoreFixture;
    let store: Store;
    beforeEach(async () => {
      fixture = await open();
      store = fixture.store;
    });
    afterEach(() => fixture.close());

    async function newFunction(functionName = 'resize'): Promise<FunctionId> {
      const record = functionRecord(functionName);
      await store.functions.create(record);
      return record.id;
    }

    describe('functions', () => {
      it('finds what was created, and refuses a name that is taken', async () => {
        const record = functionRecord('resize', { tags: ['a', 'b'], description: 'makes it small' });
        await store.functions.create(record);
        expect(await store.functions.findByName('resize')).toEqual(record);
        expect(await store.functions.findByName('other')).toBeUndefined();
        await expect(store.functions.create(functionRecord('resize'))).rejects.toMatchObject({
          kind: 'conflict',
          code: 'name_taken',
        });
        expect(await store.functions.all()).toEqual([record]);
      });

      it('refuses an id that exists', async () => {
        const record = functionRecord('resize');
        await store.functions.create(record);
        await expect(store.functions.create({ ...record, name: 'other' })).rejects.toMatchObject({ kind: 'conflict' });
      });

      it('lists by name in pages that stay stable while functions are added', async () => {
        for (const letter of ['d', 'b', 'a', 'e']) await newFunction(letter);
        const page = await store.functions.list(first);
        expect(page.items.map((item) => item.name)).toEqual(['a', 'b']);
        await newFunction('aa');
        await newFunction('c');
        const second = await store.functions.list({ limit: 9, cursor: page.nextCursor ?? undefined });
        expect(second.items.map((item) => item.name)).toEqual(['c', 'd', 'e']);
        expect(second.nextCursor).toBeNull();
      });

      it('searches name, description and tags for a plain substring', async () => {
        await store.functions.create(functionRecord('one', { description: '100% Wool_' }));
        await store.functions.create(functionRecord('two', { tags: ['prod', 'eu"west'] }));
        const names = async (search: string) =>
          (await store.functions.list({ limit: 9, cursor: undefined }, search)).items.map((item) => item.name);
        expect(await names('0% wool_')).toEqual(['one']);
        expect(await names('u"we')).toEqual(['two']);
        expect(await names('tw')).toEqual(['two']);
        expect(await names('","')).toEqual([]);
        expect(await names('%')).toEqual(['one']);
        expect(await names('')).toEqual(['one', 'two']);
      });

      it('keeps the functions of projects apart', async () => {
        for (const name of ['hello', 'acme/hello', 'acme/zoo', 'acmeb/hello', 'acm/hello']) await newFunction(name);
        const names = async (project: string, search?: string) =>
          (await drain((page) => store.functions.list(page, search, project), 1)).map((item) => item.name);
        expect(await names('default')).toEqual(['hello']);
        expect(await names('acme')).toEqual(['acme/hello', 'acme/zoo']);
        expect(await names('acme', 'acme')).toEqual([]);
        expect(await names('acme', 'oo')).toEqual(['acme/zoo']);
        expect(await names('nobody')).toEqual([]);
      });

      it('updates under an ETag', async () => {
        const id = await newFunction();
        const updated = await store.functions.update(id, 1, { description: 'new', isEnabled: false, tags: ['x'] }, 77);
        expect(updated).toMatchObject({
          description: 'new',
          isEnabled: false,
          tags: ['x'],
          revision: 2,
          updatedAt: 77,
        });
        await expect(store.functions.update(id, 1, { description: 'late' }, 78)).rejects.toMatchObject({
          kind: 'precondition_failed',
          code: 'etag_mismatch',
        });
        expect((await store.functions.update(id, undefined, { latestVersion: 3 }, 79)).latestVersion).toBe(3);
        expect(await store.functions.findByName('resize')).toMatchObject({ description: 'new', revision: 3 });
        await expect(store.functions.update(newId('function'), undefined, {}, 1)).rejects.toMatchObject({
          kind: 'not_found',
        });
      });

      it('removes with versions, aliases, routes and schedules, and keeps invocations', async () => {
        const id = await newFunction();
        await store.versions.create(versionRecord(id, 1));
        await store.aliases.put({ functionId: id, name: 'live', versions: [], updatedAt: 1 }, undefined);
        await store.routes.replace(id, [
          { id: newId('route'), functionId: id, path: '/a', methods: ['GET'], alias: 'live' },
        ]);
        await store.schedules.replace(id, [scheduleRecord(id, 'nightly')]);
        const kept = invocationRecord({ functionId: id });
        await store.invocations.record([{ record: kept, payload: undefined }]);
        await expect(store.functions.remove(id, 9)).rejects.toMatchObject({ code: 'etag_mismatch' });
        await store.functions.remove(id, 1);
        expect(await store.functions.all()).toEqual([]);
        expect(await store.versions.all()).toEqual([]);
        expect(await store.aliases.all()).toEqual([]);
        expect(await store.routes.all()).toEqual([]);
        expect(await store.schedules.all()).toEqual([]);
        expect(await store.invocations.find(kept.id)).toMatchObject({ id: kept.id });
        await expect(store.functions.remove(id, undefined)).rejects.toMatchObject({ kind: 'not_found' });
      });
    });

    describe('versions', () => {
      it('gives versions from before a field existed what it means to say nothing', async () => {
        const id = await newFunction();
        const record = versionRecord(id, 1);
        const newer = {
          ...{ provisionedWindows: [], maxConcurrency: null, reservedConcurrency: 0, weight: 10, singleFlight: false },
          ...{ snapshots: true, inputSchema: null, capture: { requests: 'errors', maxBytes: 65_536 } },
        };
        const older = Object.fromEntries(Object.entries(record.config).filter(([key]) => !(key in newer)));
        const batch = { maxSize: 4, windowMs: 9 };
        await store.versions.create({ ...record, config: { ...older, batch } as unknown as typeof record.config });
        expect((await store.versions.find(id, 1))?.config).toEqual({
          ...record.config,
          ...newer,
          batch: { ...record.config.batch, ...batch },
        });
      });

      it('keeps them unchanged, newest first', async () => {
        const id = await newFunction();
        const records = [1, 2, 3].map((version) => versionRecord(id, version));
        for (const record of records) await store.versions.create(record);
        expect(await store.versions.find(id, 2)).toEqual(records[1]);
        expect(await store.versions.find(id, 4)).toBeUndefined();
        const page = await store.versions.list(id, first);
        expect(page.items.map((item) => item.version)).toEqual([3, 2]);
        const second = await store.versions.list(id, { limit: 2, cursor: page.nextCursor ?? undefined });
        expect(second).toEqual({ items: [records[0]], nextCursor: null });
        expect(await store.versions.all()).toEqual(records);
        expect(await store.versions.digests()).toEqual(new Set(records.map((record) => record.digest)));
        await expect(store.versions.create(versionRecord(id, 2))).rejects.toMatchObject({ code: 'version_exists' });
        await expect(store.versions.create(versionRecord(newId('function'), 1))).rejects.toMatchObject({
          code: 'function_not_found',
        });
      });
    });

    describe('aliases', () => {
      it('creates, replaces under an ETag, lists and removes', async () => {
        const id = await newFunction();
        const record = { functionId: id, name: 'live', versions: [{ version: 1, weight: 100 }], updatedAt: 5 };
        expect(await store.aliases.put(record, undefined)).toEqual({ ...record, revision: 1 });
        const moved = { ...record, versions: [{ version: 2, weight: 100 }] };
        expect(await store.aliases.put(moved, 1)).toEqual({ ...moved, revision: 2 });
        await expect(store.aliases.put(record, 1)).rejects.toMatchObject({ kind: 'precondition_failed' });
        await expect(store.aliases.put({ ...record, name: 'new' }, 1)).rejects.toMatchObject({
          kind: 'precondition_failed',
        });
        expect(await store.aliases.put(record, undefined)).toEqual({ ...record, revision: 3 });
        const canary = { stable: 1, maxErrorRateRise: 0.05, minInvocations: 20, windowMs: 60_000 };
        const moves = [{ canary }, { aborted: { at: 6, reason: 'it failed' } }, { message: 'back' }];
        for (const [index, move] of moves.entries()) {
          const moved = { ...record, name: 'guarded', ...move };
          expect(await store.aliases.put(moved, index || undefined)).toEqual({ ...moved, revision: index + 1 });
        }
        expect(await store.aliases.remove(id, 'guarded')).toBe(true);
        await store.aliases.put({ ...record, name: 'beta' }, undefined);
        expect((await store.aliases.list(id)).map((alias) => alias.name)).toEqual(['beta', 'live']);
        expect(await store.aliases.find(id, 'live')).toMatchObject({ revision: 3 });
        expect(await store.aliases.find(id, 'none')).toBeUndefined();
        expect(await store.aliases.remove(id, 'beta')).toBe(true);
        expect(await store.aliases.remove(id, 'beta')).toBe(false);
        expect(await store.aliases.all()).toHaveLength(1);
      });
    });

    describe('routes', () => {
      it('replaces routes and keeps their order', async () => {
        const id = await newFunction();
        const route = (path: string) => ({ id: newId('route'), functionId: id, path, methods: ['GET'], alias: 'live' });
        await store.routes.replace(id, [route('/old')]);
        const routes = [route('/z'), route('/a')];
        await store.routes.replace(id, routes);
        expect(await store.routes.list(id)).toEqual(routes);
        expect(await store.routes.all()).toEqual(routes);
        await expect(store.routes.replace(newId('function'), [route('/x')])).rejects.toMatchObject({
          kind: 'not_found',
        });
        await store.routes.replace(id, []);
        expect(await store.routes.list(id)).toEqual([]);
      });
    });

    describe('invocations', () => {
      it('records finished ones in a batch and leaves those that exist', async () => {
        const record = invocationRecord({
          error: { type: 'E', message: 'm', stack: 's' },
          httpStatus: 500,
          instanceId: newId('instance'),
          traceparent: '00-1',
          replayOf: newId('invocation'),
        });
        const bare = invocationRecord({ timing: undefined, usage: undefined });
        const payload = { payload: Buffer.from('{"in":1}'), result: Buffer.from('null') };
        await store.invocations.record([
          { record, payload },
          { record: bare, payload: undefined },
        ]);
        await store.invocations.record([{ record: { ...record, status: 'function-error' }, payload: undefined }]);
        await store.invocations.record([{ record: { ...bare, attempts: 9 }, payload }]);
        expect(await store.invocations.find(record.id)).toEqual({ ...record, ...payload });
        expect(await store.invocations.find(bare.id)).toEqual({ ...bare, payload: undefined, result: undefined });
        expect(await store.invocations.find(newId('invocation'))).toBeUndefined();
        const theirs = invocationRecord({ functionName: 'acme/resize' });
        await store.invocations.record([{ record: theirs, payload }]);
        expect(await store.invocations.find(theirs.id, 'acme')).toEqual({ ...theirs, ...payload });
        expect(await store.invocations.find(record.id, 'default')).toEqual({ ...record, ...payload });
        for (const project of ['default', 'acm', 'acme2', 'resize', ''])
          expect(await store.invocations.find(theirs.id, project)).toBeUndefined();
        for (const project of ['acme', record.functionName])
          expect(await store.invocations.find(record.id, project)).toBeUndefined();
      });

      it('lists newest first by every filter, in pages that stay stable under inserts', async () => {
        const one = newId('function');
        const two = newId('function');
        const records = Array.from({ length: 12 }, (_, i) =>
          invocationRecord({
            functionId: i % 2 === 0 ? one : two,
            functionName: i % 2 === 0 ? 'one' : 'two',
            status: i % 3 === 0 ? 'function-error' : 'success',
            trigger: i % 4 === 0 ? 'schedule' : 'http',
            createdAt: 1000 + Math.floor(i / 3),
          }),
        );
        await store.invocations.record(records.map((record) => ({ record, payload: undefined })));
        const newest = [...records].reverse();
        const none = {
          functionName: undefined,
          status: undefined,
          trigger: undefined,
          from: undefined,
          to: undefined,
        };
        const all = async (filter: Partial<Record<keyof typeof none, unknown>>) =>
          (await drain((page) => store.invocations.list({ ...none, ...filter } as typeof none, page), 2)).map(
            (r) => r.id,
          );
        const ids = (keep: (record: (typeof records)[number]) => boolean) => newest.filter(keep).map((r) => r.id);
        expect(await all({})).toEqual(ids(() => true));
        expect(await all({ functionName: 'two' })).toEqual(ids((r) => r.functionName === 'two'));
        expect(await all({ status: 'success' })).toEqual(ids((r) => r.status === 'success'));
        expect(await all({ status: 'function-error' })).toEqual(ids((r) => r.status === 'function-error'));
        expect(await all({ trigger: 'schedule' })).toEqual(ids((r) => r.trigger === 'schedule'));
        expect(await all({ from: 1001, to: 1003 })).toEqual(ids((r) => r.createdAt >= 1001 && r.createdAt < 1003));
        const page = await store.invocations.list(none, first);
        await store.invocations.record([{ record: invocationRecord({ createdAt: 9999 }), payload: undefined }]);
        const next = await store.invocations.list(none, { limit: 2, cursor: page.nextCursor ?? undefined });
        expect(next.items.map((r) => r.id)).toEqual(newest.slice(2, 4).map((r) => r.id));
      });

      it('prunes what ended before, but neither what waits nor dead letters', async () => {
        const old = Array.from({ length: 1500 }, () => ({
          record: invocationRecord({ finishedAt: 10 }),
          payload: { payload: Buffer.from('1'), result: Buffer.from('2') },
        }));
        const fresh = invocationRecord({ finishedAt: 1000 });
        await store.invocations.record([...old, { record: fresh, payload: undefined }]);
        const dead = newItem({ runAt: 1, acceptedAt: 1 });
        const waiting = newItem({ runAt: 900, acceptedAt: 1 });
        await store.queue.enqueue(dead);
        await store.queue.enqueue(waiting);
        for (const claim of await store.queue.claim('o', 1, 1000, 5)) {
          await store.queue.settle(
            claim,
            { kind: 'dead-letter', reason: 'too-old', report: undefined, error: undefined },
            6,
          );
        }
        expect(await store.invocations.prune(1000)).toBe(1500);
        expect(await store.invocations.find(fresh.id)).toBeDefined();
        expect(await store.invocations.find(waiting.id)).toBeDefined();
        expect(await store.invocations.find(dead.id)).toMatchObject({ status: 'dead-letter' });
        expect(await store.invocations.removeDeadLetter(dead.id)).toBe(true);
        expect(await store.invocations.removeDeadLetter(dead.id)).toBe(false);
        expect(await store.invocations.prune(1000)).toBe(1);
      });

      it('lists dead letters newest first with their payload', async () => {
        const items = [newItem({ runAt: 1 }), newItem({ runAt: 1 }), newItem({ runAt: 1 })];
        for (const [i, item] of items.entries()) {
          await store.queue.enqueue(item);
          const [claim] = await store.queue.claim('o', 1, 1000, 5);
          const dead = { kind: 'dead-letter', reason: 'attempts-exhausted' } as const;
          const report = settleReport('function-error');
          await store.queue.settle(claim!, { ...dead, report, error: { type: 'Boom', message: 'm' } }, 100 + i);
        }
        const letters = await drain((page) => store.invocations.deadLetters({}, page), 2);
        expect(letters.map((letter) => letter.invocation.id)).toEqual(items.map((item) => item.id).reverse());
        expect(letters[0]).toMatchObject({
          reason: 'attempts-exhausted',
          deadAt: 102,
          payload: items[2]!.payload,
          invocation: { status: 'dead-letter', error: { type: 'Boom', message: 'm' }, finishedAt: 102, attempts: 1 },
        });
        const count = store.invocations.countDeadLetters.bind(store.invocations);
        const counted = [count({}, 10), count({}, 2), count({ functionId: items[1]!.functionId }, 10)];
        expect(await Promise.all([...counted, count({ project: 'nowhere' }, 10)])).toEqual([3, 2, 1, 0]);
        const ofOne = await store.invocations.deadLetters({ functionId: items[1]!.functionId }, first);
        expect(ofOne.items.map((letter) => letter.invocation.id)).toEqual([items[1]!.id]);
      });
    });

    describe('logs', () => {
      it('answers every filter, ascending, and the newest from the end', async () => {
        expect(await store.logs.lastSeq()).toBe(0);
        const functionId = newId('function');
        const invocationId = newId('invocation');
        const lines = Array.from({ length: 10 }, (_, i) =>
          logLine(i + 1, {
            at: 100 + i,
            ...(i % 2 === 0 && { functionId }),
            ...(i % 3 === 0 && { invocationId }),
            level: i < 5 ? 'info' : 'error',
            text: i === 4 ? 'Needle 100%' : `line ${i}`,
          }),
        );
        await store.logs.append(lines);
        await store.logs.append([]);
        expect(await store.logs.lastSeq()).toBe(10);
        const base = {
          functionId: undefined,
          invocationId: undefined,
          levels: undefined,
          search: undefined,
          since: undefined,
          until: undefined,
          afterSeq: undefined,
          limit: 100,
          fromEnd: false,
        };
        expect(await store.logs.query(base)).toEqual({ lines, stoppedAt: undefined });
        const seqs = async (filter: object) =>
          (await store.logs.query({ ...base, ...filter })).lines.map((line) => line.seq);
        expect(await seqs({ functionId })).toEqual([1, 3, 5, 7, 9]);
        expect(await seqs({ invocationId })).toEqual([1, 4, 7, 10]);
        expect(await seqs({ levels: ['error'] })).toEqual([6, 7, 8, 9, 10]);
        expect(await seqs({ levels: [] })).toEqual([]);
        expect(await seqs({ search: 'needle 100%' })).toEqual([5]);
        expect(await seqs({ since: 103, until: 105 })).toEqual([4, 5, 6]);
        expect(await seqs({ afterSeq: 7, limit: 2 })).toEqual([8, 9]);
        expect(await seqs({ beforeSeq: 4, limit: 2, fromEnd: true })).toEqual([2, 3]);
        expect(await seqs({ since: 200 })).toEqual([]);
        expect(await seqs({ until: 99, fromEnd: true })).toEqual([]);
        expect(await seqs({ fromEnd: true, limit: 3 })).toEqual([8, 9, 10]);
        expect(await seqs({ fromEnd: true, limit: 2, functionId })).toEqual([7, 9]);
        expect(await store.logs.prune(105)).toBe(5);
        expect(await seqs({})).toEqual([6, 7, 8, 9, 10]);
      });

      it('stores a batch whole or not at all', async () => {
        await store.logs.append([logLine(2)]);
        await expect(store.logs.append([logLine(1), logLine(2)])).rejects.toMatchObject({ kind: 'conflict' });
        expect(await store.logs.lastSeq()).toBe(2);
        await store.logs.append([logLine(1)]);
      });
    });

    describe('metric points', () => {
      it('upserts, queries by time, function and version, and prunes a step', async () => {
        const [a, b] = [newId('function'), newId('function')].sort() as [FunctionId, FunctionId];
        const point = (functionId: FunctionId, version: number, at: number, stepMs = 10_000) => ({
          functionId,
          version,
          stepMs,
          at,
          data: Buffer.from(`${version}@${at}`),
        });
        const points = [point(a, 1, 10), point(a, 2, 10), point(b, 1, 10), point(a, 1, 20)];
        await store.metricPoints.put([...points, point(a, 1, 10, 60_000)]);
        const changed = { ...points[0]!, data: Buffer.from([0, 255, 1]) };
        await store.metricPoints.put([changed]);
        const base = { functionIds: undefined, version: undefined, stepMs: 10_000, from: 10, to: 21 };
        expect(await store.metricPoints.query(base)).toEqual([changed, ...points.slice(1)]);
        expect(await store.metricPoints.query({ ...base, to: 20 })).toHaveLength(3);
        expect(await store.metricPoints.query({ ...base, functionIds: [b] })).toEqual([points[2]]);
        const ofEach = await store.metricPoints.query({ ...base, functionIds: [b, a, newId('function')] });
        expect(ofEach).toEqual([changed, points[1], points[3], points[2]]);
        expect(await store.metricPoints.query({ ...base, functionIds: [a, b], version: 2 })).toEqual([points[1]]);
        expect(await store.metricPoints.query({ ...base, functionIds: [] })).toEqual([]);
        expect(await store.metricPoints.query({ ...base, version: 2 })).toEqual([points[1]]);
        expect(await store.metricPoints.prune(10_000, 20)).toBe(3);
        expect(await store.metricPoints.query(base)).toEqual([points[3]]);
        expect(await store.metricPoints.query({ ...base, stepMs: 60_000 })).toHaveLength(1);
      });
    });

    describe('projects', () => {
      it('keeps them by name, and gives no name out twice', async () => {
        const project = (name: string) => ({ id: newId('project'), name, description: 'd', createdAt: 4 });
        const [b, a] = [project('b'), project('a')];
        await store.projects.create(b);
        await store.projects.create(a);
        const taken = { kind: 'conflict', code: 'project_taken' };
        await expect(store.projects.create(project('a'))).rejects.toMatchObject(taken);
        await expect(store.projects.create(project('default'))).rejects.toMatchObject(taken);
        await store.projects.update('a', { description: 'new' });
        expect((await store.projects.all()).map((item) => [item.name, item.description])).toEqual([
          ['a', 'new'],
          ['b', 'd'],
          ['default', 'There from the start.'],
        ]);
        const token = { id: newId('token'), name: 'ci', scope: 'read' as const, hash: 'b'.repeat(64), project: 'a' };
        await store.tokens.create({ ...token, createdAt: 1, expiresAt: undefined, lastUsedAt: undefined });
        await store.secrets.put(secretRecord('A', { project: 'a' }));
        await store.secrets.put(secretRecord('A', { project: 'b' }));
        await store.projects.remove('a', 9);
        expect((await store.secrets.all()).map((item) => item.project)).toEqual(['b']);
        expect(await store.tokens.all()).toEqual([]);
        expect((await store.projects.all()).map((item) => item.name)).toEqual(['b', 'default']);
        await expect(store.projects.create(project('a'))).rejects.toMatchObject(taken);
      });

      it('filters invocations, dead letters and logs by project', async () => {
        const names = ['hello', 'acme/hello', 'acme/zoo', 'acmeb/hello'];
        for (const [i, functionName] of names.entries()) {
          const record = invocationRecord({ functionName, createdAt: 10 + i });
          await store.invocations.record([{ record, payload: undefined }]);
          await store.logs.append([logLine(i + 1, { functionName, text: functionName })]);
        }
        const listed = async (project: string) => {
          const filter = { ...noFilter, project };
          const items = await drain((page) => store.invocations.list(filter, page), 1);
          return items.map((item) => item.functionName);
        };
        expect(await listed('acme')).toEqual(['acme/zoo', 'acme/hello']);
        expect(await listed('default')).toEqual(['hello']);
        expect(await listed('zoo')).toEqual([]);
        const lines = async (project: string) =>
          (await store.logs.query({ ...anyLogLines, project })).lines.map((line) => line.text);
        expect(await lines('acme')).toEqual(['acme/hello', 'acme/zoo']);
        expect(await lines('default')).toEqual(['hello']);
      });
    });

    describe('tokens, audit, sandboxes', () => {
      it('keeps tokens', async () => {
        const token = {
          id: newId('token'),
          name: 'ci',
          scope: 'deploy' as const,
          hash: 'a'.repeat(64),
          createdAt: 1,
          expiresAt: undefined,
          lastUsedAt: undefined,
          project: undefined,
        };
        await store.tokens.create(token);
        await expect(store.tokens.create({ ...token, id: newId('token') })).rejects.toMatchObject({ kind: 'conflict' });
        await store.tokens.touch(token.id, 50);
        await store.tokens.touch(token.id, 40);
        expect(await store.tokens.all()).toEqual([{ ...token, lastUsedAt: 50 }]);
        expect(await store.tokens.remove(token.id)).toBe(true);
        expect(await store.tokens.remove(token.id)).toBe(false);
      });

      it('keeps the audit trail, newest first', async () => {
        const entries = [1, 2, 3].map((n) => ({
          id: `aud_${n}`,
          at: 5,
          project: n === 2 ? 'acme' : undefined,
          actorId: 'tok_1',
          actor: 'ci',
          action: 'function.create',
          target: 'resize',
          detail: { n },
          address: '127.0.0.1',
        }));
        for (const entry of entries) await store.audit.append(entry);
        const listed = await drain((page) => store.audit.list(page), 2);
        expect(listed).toMatchObject([...entries].reverse());
        expect((await store.audit.list(first, { project: 'acme' })).items).toMatchObject([{ id: 'aud_2' }]);
        expect((await store.audit.list(first, { project: 'other' })).items).toEqual([]);
        expect(await drain((page) => store.audit.oldest(page), 2)).toEqual([...listed].reverse());
        expect((await store.audit.oldest(first, { project: 'acme' })).items).toMatchObject([{ id: 'aud_2' }]);
        expect(new Set(listed.map((entry) => entry.hash)).size).toBe(3);
        expect(await store.audit.verify()).toMatchObject({ isIntact: true, entries: 3, head: listed[0]?.hash });
      });

      it('keeps documents by name', async () => {
        expect(await store.documents.get('prices')).toBeUndefined();
        await store.documents.put('prices', '{"a":1}');
        await store.documents.put('prices', '{"a":2}');
        expect(await store.documents.get('prices')).toBe('{"a":2}');
      });

      it('remembers sandboxes', async () => {
        const handle = { schema: 1 as const, driver: 'fake' as const, id: newId('sandbox'), data: { pid: 7 } };
        await store.sandboxes.put(handle, 1);
        await store.sandboxes.put({ ...handle, data: { pid: 8 } }, 1);
        expect(await store.sandboxes.all()).toEqual([{ ...handle, data: { pid: 8 } }]);
        await store.sandboxes.remove(handle.id);
        await store.sandboxes.remove(handle.id);
        expect(await store.sandboxes.all()).toEqual([]);
      });
    });

    describe('audit filters', () => describeAuditFilters(() => store));
    describe('alerts', () => describeAlerts(() => store));
    describeUserStore(() => store);

    describe('secrets', () => describeSecrets(() => store));

    describe('the store itself', () => {
      it('refuses malformed cursors and those of another list', async () => {
        await newFunction('a');
        await newFunction('b');
        const { nextCursor } = await store.functions.list({ limit: 1, cursor: undefined });
        const bad = { kind: 'invalid_request', code: 'bad_cursor' };
        const foreign = { limit: 1, cursor: nextCursor ?? '' };
        await expect(store.audit.list(foreign)).rejects.toMatchObject(bad);
        for (const cursor of [
          '',
          '%%%',
          'WzFd',
          'x'.repeat(2000),
          Buffer.from('["functions",7]').toString('base64url'),
        ]) {
          await expect(store.functions.list({ limit: 1, cursor })).rejects.toMatchObject(bad);
        }
      });

      it('commits a transaction whole or not at all', async () => {
        const record = functionRecord('resize');
        await expect(
          store.transaction(async (tx) => {
            await tx.functions.create(record);
            expect(await tx.functions.findByName('resize')).toEqual(record);
            expect(await store.functions.findByName('resize')).toBeUndefined();
            throw new Error('changed my mind');
          }),
        ).rejects.toThrow('changed my mind');
        expect(await store.functions.all()).toEqual([]);
        const result = await store.transaction(async (tx) => {
          await tx.functions.create(record);
          await tx
            .transaction(async (inner) => {
              await inner.versions.create(versionRecord(record.id, 1));
              throw new Error('inner');
            })
            .catch(() => undefined);
          await tx.versions.create(versionRecord(record.id, 2));
          return 'done';
        });
        expect(result).toBe('done');
        expect((await store.versions.all()).map((version) => version.version)).toEqual([2]);
      });

      it('keeps transactions and other writers apart', async () => {
        const writes = Array.from({ length: 20 }, (_, i) =>
          i % 2 === 0
            ? store.functions.create(functionRecord(`f${i}`))
            : store.transaction(async (tx) => {
                await tx.functions.create(functionRecord(`f${i}`));
                if (i % 4 === 1) throw new Error('rolled back');
              }),
        );
        const settled = await Promise.allSettled(writes);
        expect(settled.filter((result) => result.status === 'rejected')).toHaveLength(5);
        expect(await store.functions.all()).toHaveLength(15);
      });

      it('one failing write does not take others with it', async () => {
        await newFunction('taken');
        const settled = await Promise.allSettled([
          store.functions.create(functionRecord('fine')),
          store.versions.create(versionRecord(newId('function'), 1)),
          store.logs.append([logLine(1), logLine(1)]),
          store.functions.create(functionRecord('fine-too')),
        ]);
        expect(settled.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
        expect(await store.functions.all()).toHaveLength(3);
        expect(await store.logs.lastSeq()).toBe(0);
      });

      it('checks, migrates once, closes twice, and then refuses', async () => {
        await store.check();
        await store.check();
        expect(await store.migrate()).toEqual([]);
        const last = newFunction('last');
        await Promise.all([last, store.close()]);
        await store.close();
        await expect(store.check()).rejects.toMatchObject({ kind: 'unavailable' });
        await expect(store.functions.all()).rejects.toMatchObject({ kind: 'unavailable' });
      });
    });

    describeQueue(() => store);
    describeErrorGroups(() => store);
    describeEgressRefusals(() => store);
    const parts = [
      describeSchedules,
      describeAliasMoves,
      describeBuilds,
      describeCanaryAborts,
      describeTestEvents,
      describeKeptRequests,
    ];
    for (const describePart of [...parts, describeLogFilter]) describePart(() => store);
  });
}
