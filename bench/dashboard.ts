import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InvocationRecord, Store } from '../backend/core/ports/store.ts';
import { SystemClock } from '../backend/core/system-clock.ts';
import { openSqliteStore } from '../backend/database/sqlite/open-sqlite-store.ts';
import { type BundleDigest, type FunctionId, newId } from '../shared/ids.ts';
import { defaultVersionConfig } from '../shared/version-config.ts';
import { errorOccurrences, functionRecord, invocationRecord, logLine } from '../tests/conformance/store-records.ts';
import { eventsPath } from '../tests/support/event-reader.ts';
import { type Platform, startPlatform } from '../tests/support/platform.ts';
import { fillOperations, fillSecrets } from './dashboard-operations.ts';
import { percentile, type Row, row } from './support/numbers.ts';
import { usageOf } from './support/processes.ts';
import { progress } from './support/progress.ts';

const functionCount = 1_000;
const invocationCount = 1_000_000;
const logLineCount = 100_000;
const errorGroupCount = 1_000;
const dashboards = 50;
const topics = ['metrics', 'deployments', 'alerts', 'logs?tail=200'];
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** What lists cost with 1,000 functions and a million calls stored, and what fifty open dashboards cost. */
export async function dashboard(): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-lists-'));
  try {
    await fill(folder);
    const platform = await startPlatform({ dataDirectory: folder });
    try {
      await fillSecrets(platform);
      return [...(await lists(platform)), await openDashboards(platform)];
    } finally {
      await platform.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fill(folder: string): Promise<void> {
  const clock = new SystemClock();
  const store = await openSqliteStore({ path: join(folder, 'hearth.db'), clock, logger: silent });
  await store.migrate();
  const ids = await fillFunctions(store, clock.now());
  await fillInvocations(store, ids, clock.now());
  await fillOperations(store, ids, clock.now());
  for (let seq = 1; seq <= logLineCount; seq += 5_000) {
    await store.logs.append(
      Array.from({ length: 5_000 }, (_, i) =>
        logLine(seq + i, {
          at: clock.now() - (logLineCount - seq - i) * 100,
          functionId: idOf(ids, i),
          functionName: nameOf(i),
          level: i % 20 === 0 ? 'error' : 'info',
          text: `line ${seq + i} of an order`,
        }),
      ),
    );
  }
  await store.errorGroups.add(
    Array.from({ length: errorGroupCount }, (_, i) =>
      errorOccurrences(`err_${i.toString(16).padStart(24, '0')}` as Parameters<typeof errorOccurrences>[0], {
        functionId: idOf(ids, i),
        functionName: nameOf(i),
        lastSeenAt: clock.now() - i,
      }),
    ),
  );
  await store.close();
}

const nameOf = (index: number) => `fn-${String(index % functionCount).padStart(4, '0')}`;

function idOf(ids: readonly FunctionId[], index: number): FunctionId {
  const id = ids[index % ids.length];
  if (id === undefined) throw new Error('there are no functions');
  return id;
}

async function fillFunctions(store: Store, now: number): Promise<readonly FunctionId[]> {
  const ids: FunctionId[] = [];
  await store.transaction(async (tx) => {
    for (let i = 0; i < functionCount; i++) {
      const record = functionRecord(nameOf(i), { latestVersion: 1, createdAt: now, updatedAt: now });
      ids.push(record.id);
      await tx.functions.create(record);
      await tx.versions.create({
        id: newId('version'),
        functionId: record.id,
        version: 1,
        digest: 'a'.repeat(64) as BundleDigest,
        sizeBytes: 1,
        fileCount: 1,
        config: defaultVersionConfig('nodejs', 'process'),
        message: '',
        createdAt: now,
        createdBy: 'bench',
      });
      await tx.aliases.put(
        { functionId: record.id, name: 'live', versions: [{ version: 1, weight: 1 }], updatedAt: now },
        undefined,
      );
    }
  });
  return ids;
}

/** One call in fifty failed; spread over the last six days. */
async function fillInvocations(store: Store, ids: readonly FunctionId[], now: number): Promise<void> {
  const stepMs = (6 * 86_400_000) / invocationCount;
  for (let first = 0; first < invocationCount; first += 5_000) {
    const batch = Array.from({ length: 5_000 }, (_, i) => {
      const index = first + i;
      const at = Math.round(now - (invocationCount - index) * stepMs);
      const status: InvocationRecord['status'] = index % 50 === 0 ? 'function-error' : 'success';
      const over = { functionId: idOf(ids, index), functionName: nameOf(index), createdAt: at, finishedAt: at, status };
      return { record: invocationRecord(over), payload: undefined };
    });
    await store.invocations.record(batch);
  }
}

const listPaths: Readonly<Record<string, string>> = {
  'functions, with their numbers': '/functions?limit=200&stats=1',
  'functions found by a text': '/functions?limit=200&stats=1&search=99',
  invocations: '/invocations?limit=50',
  'invocations that failed': '/invocations?limit=50&status=function-error',
  'invocations of one function': '/invocations?limit=50&function=fn-0500',
  'failed invocations of one function': '/invocations?limit=50&function=fn-0500&status=function-error',
  'invocations by a trigger that none has': '/invocations?limit=50&trigger=schedule',
  'log lines': '/logs?limit=200',
  'log lines by level and text': '/logs?limit=200&filter=level%3Aerror%20order',
  'log lines by a text that none has': '/logs?limit=200&filter=nowhere',
  errors: '/errors?limit=50&state=open',
  deployments: '/deployments?limit=100',
  'dead letters': '/dead-letters?limit=50',
  schedules: '/schedules',
  'what was done (audit)': '/audit?limit=50',
  'costs of an hour': '/metrics/costs',
  'the past of the host': '/metrics/gauges',
  tokens: '/tokens?limit=200',
  users: '/users',
  secrets: '/secrets',
};
const rounds = 20;
const goalMs = 300;

/** The CPU time of the platform tells what a list costs also where other work makes it wait. */
async function lists(platform: Platform): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [what, path] of Object.entries(listPaths)) {
    progress(what);
    const times: number[] = [];
    const cpuMs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const cpuBefore = usageOf(platform.pid).cpuMs;
      const before = performance.now();
      const response = await platform.api('GET', `/api/v1${path}`);
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`${path} answered ${response.status}`);
      times.push(performance.now() - before);
      cpuMs.push(usageOf(platform.pid).cpuMs - cpuBefore);
    }
    const [first = 0, ...others] = cpuMs;
    const each = others.reduce((sum, ms) => sum + ms, 0) / others.length;
    const p95 = percentile(times, 95);
    const measured = `${p95.toFixed(1)} ms (CPU time ${each.toFixed(1)} ms each; the first ${times[0]?.toFixed(1)} ms, CPU time ${first} ms)`;
    rows.push(row(`list of ${what}, p95`, measured, `< ${goalMs} ms`, p95 < goalMs));
  }
  return rows;
}

/** Each a stream as an open page of logs holds it, over ten seconds without traffic. */
async function openDashboards(platform: Platform): Promise<Row> {
  const stop = new AbortController();
  const headers = { authorization: `Bearer ${platform.token}` };
  for (let i = 0; i < dashboards; i++) {
    const response = await fetch(platform.url + eventsPath(topics), { headers, signal: stop.signal });
    if (!response.ok) throw new Error(`the event stream was refused with ${response.status}`);
    response.body?.pipeTo(new WritableStream(), { signal: stop.signal }).catch(() => undefined);
  }
  await sleep(3_000);
  const before = usageOf(platform.pid);
  await sleep(10_000);
  const after = usageOf(platform.pid);
  stop.abort();
  const percent = (after.cpuMs - before.cpuMs) / 100;
  return row(
    `${dashboards} open dashboards, CPU over 10 s`,
    `${percent.toFixed(1)} % of one core`,
    '< 5 %',
    percent < 5,
  );
}
