import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { FastifyInstance } from 'fastify';
import { type ApiServerOptions, createApiServer } from '../../backend/api/server.ts';
import { Alerts } from '../../backend/control-plane/alerts.ts';
import {
  type ControlPlane,
  type ControlPlaneOptions,
  createControlPlane,
} from '../../backend/control-plane/control-plane.ts';
import { InMemoryFunctionDirectory } from '../../backend/control-plane/function-directory.ts';
import { HostInventory } from '../../backend/control-plane/host-inventory.ts';
import { hashSecret, newSecret, Tokens } from '../../backend/control-plane/tokens.ts';
import type { Invocation, InvocationReport, ResponseSink } from '../../backend/core/invocation.ts';
import type { BundleBuilder } from '../../backend/core/ports/bundle-builder.ts';
import type { BundleFile, BundleStore } from '../../backend/core/ports/bundle-store.ts';
import type { Clock } from '../../backend/core/ports/clock.ts';
import type { DriverHealth, IsolationDriver } from '../../backend/core/ports/isolation-driver.ts';
import type { LogCounter, LogReader } from '../../backend/core/ports/log-sink.ts';
import type { MetricsReader } from '../../backend/core/ports/metrics-reader.ts';
import type { MetricEvent } from '../../backend/core/ports/metrics-sink.ts';
import type { RuntimeAdapter, RuntimeHealth } from '../../backend/core/ports/runtime-adapter.ts';
import type { Scheduler } from '../../backend/core/ports/scheduler.ts';
import type { Store, TokenRecord } from '../../backend/core/ports/store.ts';
import { SystemClock } from '../../backend/core/system-clock.ts';
import type { VersionSpec } from '../../backend/core/version.ts';
import { openSqliteStore } from '../../backend/database/sqlite/open-sqlite-store.ts';
import { keySourceOf } from '../../backend/secrets/key-sources.ts';
import { SecretVault } from '../../backend/secrets/secret-vault.ts';
import type { LogLine } from '../../shared/api/invocations.ts';
import { type GaugeName, gaugeNames, type LiveTick } from '../../shared/api/metrics.ts';
import { PlatformError } from '../../shared/errors.ts';
import { type BundleDigest, type FunctionId, type InstanceId, newId } from '../../shared/ids.ts';
import type { InvocationOutcome } from '../../shared/invocation.ts';

/** What the rig's builder objects to. */
export const brokenPlace = { file: 'broken', line: 3, column: 7, text: 'no' } as const;

const unused = (name: string) => () => {
  throw new Error(`${name} is not part of this rig`);
};

/** Drivers whose health a test sets. */
function healthDriver(name: IsolationDriver['name'], health: () => DriverHealth): IsolationDriver {
  return {
    name,
    capabilities: {
      isolation: 'process',
      channel: 'fd',
      enforces: new Set(['memory', 'cpu', 'pids', 'tmp', 'network']),
      egress: new Set(['none', 'all']),
      specialise: true,
      pause: false,
      survivesRestart: false,
    },
    probe: async () => health(),
    prepare: unused('prepare'),
    create: unused('create'),
    recover: unused('recover'),
    sweep: unused('sweep'),
    close: async () => undefined,
  };
}

const healthy: DriverHealth = {
  status: 'healthy',
  version: '1',
  tier: 'strict',
  enforces: new Set(['memory', 'cpu', 'pids', 'tmp', 'network']),
  notes: [],
};

function runtime(name: 'nodejs' | 'python', health: () => RuntimeHealth): RuntimeAdapter {
  return { name, probe: async () => health(), validate: async () => [], plan: unused('plan') };
}

/** Bundles in memory; a file `broken` fails the build. */
class MemoryBundles implements BundleStore, BundleBuilder {
  readonly held = new Map<BundleDigest, BundleFile[]>();
  builds = 0;
  /** A build waits for this. */
  gate: Promise<void> = Promise.resolve();

  async build(...[source, , watcher, signal]: Parameters<BundleBuilder['build']>): ReturnType<BundleBuilder['build']> {
    this.builds++;
    watcher.step('unpack');
    watcher.line('unpacking');
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    await Promise.race([this.gate, aborted]);
    watcher.step('check');
    const texts = source.kind === 'inline' ? Object.entries(source.files) : [['archive', source.format] as const];
    if (texts.some(([path]) => path === 'broken')) {
      throw new PlatformError('unprocessable', 'build_failed', 'the build failed', {
        detail: { buildLog: ['no'], buildErrors: [brokenPlace] },
      });
    }
    const files = texts.map(([path, content]) => {
      const text = typeof content === 'string' ? content : null;
      const sha256 = createHash('sha256').update(JSON.stringify(content)).digest('hex');
      return { path, sizeBytes: text?.length ?? 0, sha256, executable: false, text };
    });
    const digest = createHash('sha256').update(JSON.stringify(texts)).digest('hex') as BundleDigest;
    this.held.set(digest, files);
    return { image: await this.open(digest), log: [`built ${files.length} files`] };
  }

  put = unused('put');

  async open(digest: BundleDigest) {
    const files = this.held.get(digest);
    if (files === undefined) throw new PlatformError('not_found', 'bundle_not_found', 'gone');
    const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
    return { digest, directory: `/nowhere/${digest}`, sizeBytes, fileCount: files.length };
  }

  async files(digest: BundleDigest, wants: (path: string) => boolean = () => true) {
    await this.open(digest);
    return (this.held.get(digest) ?? []).filter(({ path }) => wants(path));
  }

  async prune(keep: ReadonlySet<BundleDigest>) {
    const gone = [...this.held.keys()].filter((digest) => !keep.has(digest));
    for (const digest of gone) this.held.delete(digest);
    return gone.length;
  }
}

function reportOf(outcome: InvocationOutcome): InvocationReport {
  const timing = {
    queuedMs: 1,
    acquireMs: 2,
    bootMs: 0,
    loadMs: 0,
    initMs: 0,
    firstByteMs: 1,
    handlerMs: 3,
    flushMs: 0,
    totalMs: 6,
  };
  const usage = { cpuMs: 1, peakMemoryBytes: 1024, requestBytes: 1, responseBytes: 1 };
  const instanceId: InstanceId = newId('instance');
  return { outcome, start: 'warm', instanceId, httpStatus: 200, timing, usage };
}

/** A scheduler that runs a script instead of functions, and queues into the store. */
class ScriptedScheduler implements Scheduler {
  readonly calls: Invocation[] = [];
  readonly #store: Store;
  script: (invocation: Invocation, sink: ResponseSink, signal: AbortSignal) => Promise<InvocationOutcome> = async (
    { request },
    sink,
  ) => {
    sink.head({ status: 200, headers: ['content-type', 'application/json'], isEventResult: true });
    sink.chunk(request.kind === 'event' && request.body.length > 0 ? request.body : Buffer.from('null'));
    return { kind: 'success' };
  };

  constructor(store: Store) {
    this.#store = store;
  }

  async invoke(invocation: Invocation, sink: ResponseSink, signal: AbortSignal): Promise<InvocationReport> {
    this.calls.push(invocation);
    return reportOf(await this.script(invocation, sink, signal));
  }

  submit(item: Parameters<Scheduler['submit']>[0]) {
    return this.#store.queue.enqueue(item);
  }

  cancel(id: Parameters<Scheduler['cancel']>[0]) {
    return this.#store.queue.cancel(id, Date.now());
  }

  start = async () => undefined;
  drain = async () => undefined;
  running = () => [];
  leftOutAt = () => undefined;
  findRunning = () => undefined;
  schedulesChanged = () => undefined;
  /** What functions have reserved, as it was told last. */
  reserved: ReadonlyMap<FunctionId, number> = new Map();
  reserve = (places: ReadonlyMap<FunctionId, number>): void => {
    this.reserved = places;
  };
  stats = () => ({
    inFlight: 0,
    places: 100,
    reserved: 0,
    queued: 0,
    asyncDepth: 0,
    asyncOldestMs: 0,
    recordsLeftOut: 0,
  });
}

/** What the pool was told. */
class RecordingPool {
  provisioned: readonly VersionSpec[] = [];
  readonly retired: string[] = [];
  provision = (versions: readonly VersionSpec[]) => {
    this.provisioned = versions;
  };
  expected: readonly VersionSpec[] = [];
  expect = (versions: readonly VersionSpec[]) => {
    this.expected = versions;
  };
  recycled: readonly string[] = [];
  recycle = (versions: ReadonlySet<string>) => {
    this.recycled = [...versions];
  };
  retireVersion = async (_id: string, reason: string) => {
    this.retired.push(reason);
  };
  pools = () => [];
  acquire = unused('acquire');
  tryAcquire = () => undefined;
  preWarmed = () => [{ runtime: 'nodejs', isolation: 'process', count: 1 }];
}

/** Log lines in memory, with live listeners. */
class MemoryLogs implements LogReader, LogCounter {
  readonly lines: LogLine[] = [];
  readonly listeners = new Set<(lines: readonly LogLine[], skipped: number) => void>();

  add(text: string): LogLine {
    const line: LogLine = {
      id: String(this.lines.length + 1).padStart(16, '0'),
      at: new Date().toISOString(),
      functionName: 'hello',
      version: 1,
      invocationId: null,
      instanceId: null,
      level: 'info',
      stream: 'stdout',
      text,
    };
    this.lines.push(line);
    for (const listener of this.listeners) listener([line], 0);
    return line;
  }

  async query(_id: unknown, query: Parameters<LogReader['query']>[1]) {
    const { cursor, limit } = query;
    const rest = cursor === undefined ? this.lines.slice(-limit) : this.lines.filter((line) => line.id > cursor);
    const items = rest.slice(0, limit);
    const nextCursor = rest.length > items.length ? (items.at(-1)?.id ?? null) : null;
    return { items, nextCursor, before: null, end: this.lines.at(-1)?.id ?? '0'.padStart(16, '0') };
  }

  histogram: LogCounter['histogram'] = async () => ({
    ...{ from: '2030-01-01T00:00:00.000Z', to: '2030-01-01T01:00:00.000Z', stepMs: 60_000, steps: [] },
    ...{ complete: true, countedFrom: null, end: this.lines.at(-1)?.id ?? '0'.padStart(16, '0') },
  });

  subscribe(_filter: unknown, listener: (lines: readonly LogLine[], skipped: number) => void) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** Metrics without data, and ticks that a test sends. */
class EmptyMetrics implements MetricsReader {
  readonly listeners = new Set<(tick: LiveTick) => void>();
  series: MetricsReader['series'] = async ({ from, to, stepMs }) => ({
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    stepMs: stepMs ?? 10_000,
    points: [],
    total: null,
  });
  histogram: MetricsReader['histogram'] = async ({ from, to, stepMs }) => ({
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    stepMs: stepMs ?? 10_000,
    edgesMs: [],
    points: [],
  });
  functionStats: MetricsReader['functionStats'] = async (ids, windowMs) =>
    new Map(
      ids.map((id) => [
        id,
        {
          ...{ windowMs, invocations: 0, errors: 0, p50Ms: null, p95Ms: null, coldStarts: 0 },
          ...{ peakMemoryBytes: 0, sparkline: [] },
        },
      ]),
    );
  totals: MetricsReader['totals'] = async () => new Map();
  gauges = unused('gauges');
  gaugeSeries: MetricsReader['gaugeSeries'] = async ({ from, to, stepMs }) => ({
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    stepMs: stepMs ?? 10_000,
    points: [
      {
        at: new Date(from).toISOString(),
        samples: 1,
        gauges: Object.fromEntries(gaugeNames.map((name) => [name, { mean: 1, max: 2 }])) as Record<
          GaugeName,
          { mean: number; max: number }
        >,
      },
    ],
  });
  subscribe(listener: (tick: LiveTick) => void) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

export interface ApiRig extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly controlPlane: ControlPlane;
  readonly store: Store;
  readonly scheduler: ScriptedScheduler;
  readonly bundles: MemoryBundles;
  readonly pool: RecordingPool;
  readonly logs: MemoryLogs;
  readonly metrics: EmptyMetrics;
  /** Calls that the API refused. */
  readonly refusals: MetricEvent[];
  readonly directory: string;
  readonly errors: object[];
  /** Changes what the next probes find. */
  readonly health: { process: DriverHealth; docker: DriverHealth; nodejs: RuntimeHealth; python: RuntimeHealth };
  /** Bearer headers of a token with each scope. */
  readonly as: Readonly<Record<TokenRecord['scope'], { authorization: string }>>;
  /** A second control plane over the same store, as after a restart. */
  restart(): Promise<ControlPlane>;
}

/** The control plane and the API over a real SQLite store, with scripted edges. Nothing listens until a test says so. */
export async function apiRig(
  options: Partial<ApiServerOptions> &
    Pick<ControlPlaneOptions, 'maxTokenFailuresPerMinute'> & {
      readonly clock?: Clock;
      readonly hostMemoryBytes?: number;
    } = {},
): Promise<ApiRig> {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-api-'));
  const clock = options.clock ?? new SystemClock();
  const errors: object[] = [];
  const logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (e: object) => errors.push(e),
  };
  const store = await openSqliteStore({ path: join(directory, 'hearth.db'), clock, logger });
  await store.migrate();
  const secrets = await scopedTokens(store, clock.now());
  const health: ApiRig['health'] = {
    process: healthy,
    docker: { status: 'undetected', reason: 'no Docker socket', fix: 'install Docker' },
    nodejs: { status: 'available', version: '24.0.0' },
    python: { status: 'missing', reason: 'no python3 on this host', fix: 'install python3' },
  };
  const bundles = new MemoryBundles();
  const pool = new RecordingPool();
  const scheduler = new ScriptedScheduler(store);
  const secretVault = async () => {
    const ownFile = join(directory, 'secrets.key');
    const source = keySourceOf({ key: '', keyFile: '', keyCommand: '', ownFile });
    const vault = new SecretVault({ store: store.secrets, source, logger });
    await vault.start();
    return vault;
  };
  const build = async () => {
    const functions = new InMemoryFunctionDirectory();
    await functions.load(store);
    const tokens = new Tokens({ store, clock, logger });
    await tokens.load();
    const inventory = new HostInventory({
      drivers: [healthDriver('process', () => health.process), healthDriver('docker', () => health.docker)],
      runtimes: [runtime('nodejs', () => health.nodejs), runtime('python', () => health.python)],
      defaultIsolation: 'process',
      hostMemoryBytes: options.hostMemoryBytes ?? 4 * 1024 ** 3,
      clock,
      recheckAfterMs: 0,
    });
    await inventory.refresh();
    const journal = { pending: () => undefined };
    const metrics = { record: () => undefined };
    const alerts = new Alerts({
      store,
      clock,
      sender: { objection: () => undefined },
      hasFunction: (name) => functions.find(name) !== undefined,
      latest: () => undefined,
      signingSecret: (id) => `whsec_${id}`,
      onQueued: () => undefined,
    });
    const edges = {
      alerts,
      backups: {
        prepare: async () => {
          const archive = Readable.from(['archive']);
          const released = finished(archive).catch(() => undefined);
          return { createdAt: clock.now(), databaseBytes: 1, bundleCount: 0, archive, released };
        },
      },
      numbers: { totals: async () => new Map() },
      levelCosts: { of: () => undefined, addStart: () => {}, addWarmCall: () => {}, setIdleMemory: () => {} },
      secrets: await secretVault(),
      builder: bundles,
      bundles,
      pool,
      scheduler,
      journal,
      metrics,
      clock,
      logger,
    };
    const { maxTokenFailuresPerMinute = 10 } = options;
    return createControlPlane({
      store,
      directory: functions,
      inventory,
      tokens,
      maxTokenFailuresPerMinute,
      ...edges,
    });
  };
  const controlPlane = await build();
  const logs = new MemoryLogs();
  const metrics = new EmptyMetrics();
  const refusals: MetricEvent[] = [];
  const app = createApiServer({
    controlPlane,
    logs,
    metrics,
    refusals: { record: (event) => void refusals.push(event) },
    prometheus: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'hearth_up 1\n' }),
    facts: {
      version: '0.1.0',
      startedAt: clock.now(),
      gatewayUrl: () => 'http://127.0.0.1:8080',
      controlUrl: () => 'http://127.0.0.1:3000',
      warnings: () => [],
      isDraining: () => false,
      diskFreeBytes: async () => 10 * 1024 ** 3,
      minDiskFreeBytes: 1024,
    },
    logger,
    uploadDirectory: directory,
    isLoopbackOnly: true,
    ...options,
  });
  await app.ready();
  return {
    app,
    controlPlane,
    store,
    scheduler,
    bundles,
    pool,
    logs,
    metrics,
    refusals,
    directory,
    errors,
    health,
    as: secrets,
    restart: build,
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await controlPlane.settled();
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function scopedTokens(store: Store, now: number): Promise<ApiRig['as']> {
  const scopes = ['admin', 'deploy', 'invoke', 'read'] as const;
  const headers: [TokenRecord['scope'], { authorization: string }][] = [];
  for (const scope of scopes) {
    const secret = newSecret();
    const record = { id: newId('token'), name: `test ${scope}`, scope, hash: hashSecret(secret), createdAt: now };
    await store.tokens.create({ ...record, expiresAt: undefined, lastUsedAt: undefined });
    headers.push([scope, { authorization: `Bearer ${secret}` }]);
  }
  return Object.fromEntries(headers) as unknown as ApiRig['as'];
}
