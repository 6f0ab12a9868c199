import type { InvocationReport } from '../../backend/core/invocation.ts';
import type { ErrorGroupId, ErrorOccurrences } from '../../backend/core/ports/error-groups.ts';
import type { NewAsyncInvocation } from '../../backend/core/ports/invocation-queue.ts';
import type { StoredLogLine } from '../../backend/core/ports/log-store.ts';
import type {
  FunctionRecord,
  InvocationRecord,
  Page,
  PageRequest,
  ScheduleRecord,
  SecretRecord,
  VersionRecord,
} from '../../backend/core/ports/store.ts';
import { type FunctionId, newId } from '../../shared/ids.ts';
import { defaultVersionConfig } from '../../shared/version-config.ts';

/** Records for tests of stores: valid, with what a test cares about put over them. */
export function functionRecord(name: string, over: Partial<FunctionRecord> = {}): FunctionRecord {
  return {
    id: newId('function'),
    name,
    description: '',
    tags: [],
    isEnabled: true,
    latestVersion: 0,
    createdAt: 1,
    updatedAt: 1,
    revision: 1,
    ...over,
  };
}

export function versionRecord(
  functionId: FunctionId,
  version: number,
  over: Partial<VersionRecord> = {},
): VersionRecord {
  return {
    id: newId('version'),
    functionId,
    version,
    digest: `${version}`.padStart(64, '0') as never,
    sizeBytes: 10,
    fileCount: 1,
    config: defaultVersionConfig('nodejs', 'process'),
    message: 'first',
    createdAt: 4,
    createdBy: 'ci',
    ...over,
  };
}

export function scheduleRecord(
  functionId: FunctionId,
  name: string,
  over: Partial<ScheduleRecord> = {},
): ScheduleRecord {
  return {
    id: newId('schedule'),
    functionId,
    name,
    cron: '0 * * * *',
    timeZone: 'UTC',
    payload: 'null',
    alias: 'live',
    misfire: 'skip',
    isEnabled: true,
    createdAt: 3,
    lastTickAt: undefined,
    ...over,
  };
}

const timing = {
  queuedMs: 1,
  acquireMs: 0,
  bootMs: 0,
  loadMs: 0,
  initMs: 0,
  firstByteMs: 1.5,
  handlerMs: 2,
  flushMs: 0.01,
  totalMs: 3,
};
const usage = { cpuMs: 1, peakMemoryBytes: 2, requestBytes: 3, responseBytes: 4 };

export function invocationRecord(over: Partial<InvocationRecord> = {}): InvocationRecord {
  return {
    id: newId('invocation'),
    functionId: newId('function'),
    functionName: 'resize',
    version: 1,
    qualifier: 'live',
    trigger: 'http',
    status: 'success',
    start: 'warm',
    attempts: 1,
    createdAt: 5,
    startedAt: 6,
    finishedAt: 7,
    httpStatus: 200,
    timing,
    usage,
    error: undefined,
    instanceId: undefined,
    traceparent: undefined,
    nextAttemptAt: undefined,
    replayOf: undefined,
    ...over,
  };
}

export function newItem(over: Partial<NewAsyncInvocation> = {}): NewAsyncInvocation {
  return {
    id: newId('invocation'),
    functionId: newId('function'),
    functionName: 'resize',
    versionId: newId('version'),
    version: 1,
    qualifier: 'live',
    trigger: 'async',
    payload: Buffer.from('{"n":1}'),
    acceptedAt: 1000,
    runAt: 1000,
    maxAttempts: 3,
    expiresAt: 1_000_000,
    idempotencyKey: undefined,
    traceparent: undefined,
    depth: 0,
    replayOf: undefined,
    ...over,
  };
}

export function settleReport(kind: 'success' | 'function-error'): InvocationReport {
  return {
    outcome: kind === 'success' ? { kind } : { kind, type: 'Boom', message: 'm', stack: 's' },
    start: 'cold',
    instanceId: newId('instance'),
    httpStatus: 200,
    timing,
    usage,
  };
}

export function logLine(seq: number, over: Partial<StoredLogLine> = {}): StoredLogLine {
  return {
    seq,
    at: 5,
    functionId: newId('function'),
    functionName: 'resize',
    version: 1,
    invocationId: undefined,
    instanceId: undefined,
    level: 'info',
    stream: 'stdout',
    text: 'hello',
    ...over,
  };
}

/** Asks for the newest of all log lines. */
export const anyLogLines = {
  project: undefined,
  functionId: undefined,
  invocationId: undefined,
  levels: undefined,
  search: undefined,
  since: undefined,
  until: undefined,
  afterSeq: undefined,
  limit: 10,
  fromEnd: true,
} as const;

/** All items of a list, page by page. */
export async function drain<T>(list: (page: PageRequest) => Promise<Page<T>>, limit: number): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await list({ limit, cursor });
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return items;
}

export function errorOccurrences(id: ErrorGroupId, over: Partial<ErrorOccurrences> = {}): ErrorOccurrences {
  return {
    id,
    functionId: newId('function'),
    functionName: 'resize',
    type: 'RangeError',
    message: 'order 7 is too far',
    frame: 'handler (index.ts)',
    stack: 'RangeError: order 7 is too far\n    at handler (index.ts:4:9)',
    count: 1,
    firstSeenAt: 100,
    lastSeenAt: 100,
    firstVersion: 1,
    lastVersion: 1,
    lastInvocationId: newId('invocation'),
    tallies: [{ version: 1, hourAt: 0, count: 1 }],
    ...over,
  };
}

export const secretRecord = (name: string, more: Partial<SecretRecord> = {}): SecretRecord => ({
  project: 'default',
  name,
  version: 1,
  sealed: Buffer.from([0, 1, 255]),
  wrappedKey: Buffer.from([7]),
  keyId: 'k1',
  createdAt: 5,
  updatedAt: 5,
  updatedBy: 'test',
  ...more,
});
