import { describe, expect, test } from 'vitest';
import type { AlertMetric } from '../../shared/api/alerts.ts';
import { type FunctionId, newId } from '../../shared/ids.ts';
import { projectOf } from '../../shared/names.ts';
import { ManualClock } from '../../tests/fakes/manual-clock.ts';
import { noAlert } from '../core/policies/alert-state.ts';
import type { AlertRuleRecord } from '../core/ports/alert-store.ts';
import { AlertValues, type AlertValuesOptions } from './alert-values.ts';

const mib = 1_048_576;
const functions = ['acme/orders', 'acme/mails', 'stray'].map((name) => ({
  record: { id: newId('function'), name, latestVersion: 2 },
  versions: new Map([[2, { config: { memoryMb: name === 'stray' ? 1024 : 128 } }]]),
}));
const [orders, mails, stray] = functions.map(({ record }) => record.id) as [FunctionId, FunctionId, FunctionId];
const sizes = new Map([
  [orders, 64],
  [mails, 96],
  [stray, 1024],
]);
/** What each part was asked about. */
const asked: unknown[] = [];
const sumOf = (ids: readonly FunctionId[] | undefined) =>
  (ids ?? [orders, mails, stray]).reduce((sum, id) => sum + (sizes.get(id) ?? 0), 0);

const values = new AlertValues({
  clock: new ManualClock(1_000_000),
  directory: {
    find: (name: string) => functions.find(({ record }) => record.name === name),
    entriesOf: (project: string) => functions.filter(({ record }) => projectOf(record.name) === project),
    entries: () => functions.values(),
  },
  metrics: {
    gauges: () => ({ queued: 1, asyncDepth: 2, host: { diskFreeBytes: 7 } }),
    series: async ({ functionId, functionIds }: { functionId?: FunctionId; functionIds?: readonly FunctionId[] }) => {
      const invocations = sumOf(functionId === undefined ? functionIds : [functionId]);
      return { total: invocations === 0 ? null : { invocations, errors: invocations / 4, throttles: 3 } };
    },
    functionStats: async (ids: readonly FunctionId[]) =>
      new Map(ids.map((id) => [id, { peakMemoryBytes: (sizes.get(id) ?? 0) * mib }])),
  },
  costs: {
    costOf: async (entries: readonly { record: { id: FunctionId } }[]) => sumOf(entries.map(({ record }) => record.id)),
  },
  store: {
    queue: {
      depth: async (ids?: readonly FunctionId[]) => sumOf(ids),
      // In all the first is due in the future.
      oldestDueAt: async (ids: readonly FunctionId[] | undefined) =>
        ids?.length === 0 ? undefined : 1_000_000 - sumOf(ids) + (ids === undefined ? 2000 : 0),
    },
    invocations: {
      countDeadLetters: async (filter: object) => {
        asked.push(filter);
        return 5;
      },
    },
    canaryAborts: { list: async () => [orders, orders, stray].map((functionId) => ({ functionId })) },
  },
} as unknown as AlertValuesOptions);

const rule = (metric: AlertMetric, about: Partial<AlertRuleRecord> = {}): AlertRuleRecord => ({
  ...{ id: newId('alertRule'), name: 'r', comparison: 'above', threshold: 1, windowMs: 60_000, forMs: 0, channels: [] },
  ...{ isEnabled: true, memory: noAlert, silencedUntil: undefined, createdAt: 0, updatedAt: 0 },
  ...{ metric, project: 'acme', functionName: null, ...about },
});
const ofOrders = { functionName: 'acme/orders' };
const ofAll = { project: null };

describe('the number that a rule watches', () => {
  test.each([
    ['requests', 160, 64, 1184],
    ['errorRate', 0.25, 0.25, 0.25],
    ['throttles', 3, 3, 3],
    ['canaryAborts', 2, 3, 3],
    ['asyncQueued', 160, 64, 1184],
    ['cost', 160, 64, 1184],
    ['asyncOldestMs', 160, 64, 0],
    ['memoryRate', 0.75, 0.5, 1],
  ] as const)('%s: of a project, of one function of it, of all', async (metric, inProject, inOne, inAll) => {
    expect(await values.read(rule(metric))).toBe(inProject);
    // The store lists canaries of one function by itself; the fake does not.
    if (metric !== 'canaryAborts') expect(await values.read(rule(metric, ofOrders))).toBe(inOne);
    expect(await values.read(rule(metric, ofAll))).toBe(inAll);
  });

  test('dead letters are counted where they are, also of functions that are gone', async () => {
    expect(await values.read(rule('deadLetters'))).toBe(5);
    await values.read(rule('deadLetters', ofOrders));
    await values.read(rule('deadLetters', ofAll));
    expect(asked).toMatchObject([
      { project: 'acme', functionId: undefined },
      { project: undefined, functionId: orders },
      { project: undefined, functionId: undefined },
    ]);
  });

  test('of a function that was deleted, and of a project without any, is none', async () => {
    expect(await values.read(rule('deadLetters', { functionName: 'acme/gone' }))).toBeUndefined();
    expect(await values.read(rule('requests', { project: 'empty' }))).toBeUndefined();
    expect(await values.read(rule('memoryRate', { project: 'empty' }))).toBeUndefined();
    expect(await values.read(rule('asyncQueued', { project: 'empty' }))).toBe(0);
    expect(await values.read(rule('asyncOldestMs', { project: 'empty' }))).toBe(0);
  });

  test('of the platform is read at the moment', async () => {
    expect(await values.read(rule('queueDepth', ofAll))).toBe(3);
    expect(await values.read(rule('diskFreeBytes', ofAll))).toBe(7);
  });
});
