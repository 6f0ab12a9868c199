/**
 * The composition root: settings -> parts -> listen -> signals -> drain. With drivers/catalog.ts the only file that knows concrete adapters.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { readFile, rm, statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { pino } from 'pino';
import { PlatformError } from '../shared/errors.ts';
import { newId } from '../shared/ids.ts';
import type { RuntimeName } from '../shared/version-config.ts';
import { createApiServer } from './api/server.ts';
import { loadSettings, SettingsError } from './config/load-settings.ts';
import type { Settings } from './config/schema.ts';
import { ensureAdminToken } from './control-plane/admin-token.ts';
import { createControlPlane } from './control-plane/control-plane.ts';
import { InMemoryFunctionDirectory } from './control-plane/function-directory.ts';
import { HostInventory } from './control-plane/host-inventory.ts';
import { Tokens } from './control-plane/tokens.ts';
import type { DriverHealth } from './core/ports/isolation-driver.ts';
import type { RuntimeAdapter } from './core/ports/runtime-adapter.ts';
import { SystemClock } from './core/system-clock.ts';
import { openSqliteStore } from './database/sqlite/open-sqlite-store.ts';
import { DirectoryBundleStore } from './execution-engine/builder/directory-bundle-store.ts';
import { EsbuildBundleBuilder } from './execution-engine/builder/esbuild-bundle-builder.ts';
import { SandboxedBuildTools } from './execution-engine/builder/sandboxed-build-tools.ts';
import { createDrivers, createRuntimeImages } from './execution-engine/drivers/catalog.ts';
import { LocalInstancePool } from './execution-engine/pool/local-instance-pool.ts';
import { defaultPoolSettings } from './execution-engine/pool/pool-settings.ts';
import { protocolLinks } from './execution-engine/pool/protocol-link.ts';
import { NodejsAdapter } from './execution-engine/runtimes/nodejs/adapter.ts';
import { PythonAdapter } from './execution-engine/runtimes/python/adapter.ts';
import { GatewayServer } from './gateway/server.ts';
import { GroupedJournal } from './metrics/collector/grouped-journal.ts';
import { HostSampler } from './metrics/collector/host-sampler.ts';
import { MetricsCollector } from './metrics/collector/metrics-collector.ts';
import { Retention, storeRetentionTargets } from './metrics/collector/retention.ts';
import { LogHub } from './metrics/logs/log-hub.ts';
import { PrometheusPage } from './metrics/prometheus.ts';
import { LocalScheduler } from './scheduler/local-scheduler.ts';
import { defaultSchedulerSettings } from './scheduler/scheduler-settings.ts';
import { isLoopback, listenForControl, urlOf } from './startup/addresses.ts';
import { renderBanner } from './startup/banner.ts';
import { deployExamples, exampleTryPath } from './startup/examples.ts';
import { findPython, makeDataDirectory, packageDirectory } from './startup/host.ts';
import { findPackage } from './startup/package-root.ts';
import { endWith, platformFile, type Running, stopOnSignals, writePlatformFile } from './startup/process-control.ts';
import { releaseStartMemory } from './startup/release-memory.ts';
import { warningsOf } from './startup/warnings.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Less free disk than this and the platform says that it is not ready. */
const noDriver: DriverHealth = {
  status: 'undetected',
  reason: 'this installation has no such isolation level',
  fix: 'choose one that `hearth status` lists',
};
const minDiskFreeBytes = 64 * 1_048_576;
const here = findPackage(import.meta.dirname);

type Logger = pino.Logger;

/** The runtimes of this host and their agents, which the build put into dist/guest. */
function createAdapters(settings: Settings) {
  const nodePath = settings.HEARTH_NODE_PATH === '' ? process.execPath : settings.HEARTH_NODE_PATH;
  const pythonPath = findPython(settings, process.env['PATH'] ?? '');
  const nodejs = new NodejsAdapter({ nodePath, agentPath: join(here.root, 'dist/guest/nodejs/agent.cjs') });
  const python = new PythonAdapter({ pythonPath, agentPath: join(here.root, 'dist/guest/python/agent.py') });
  return {
    nodePath,
    pythonPath,
    byName: new Map<RuntimeName, RuntimeAdapter>([nodejs, python].map((adapter) => [adapter.name, adapter])),
  };
}

/** Builds everything, in the order in which parts need one another. Nothing listens yet. */
async function compose(settings: Settings, logger: Logger, onFatal: (error: unknown) => void) {
  const clock = new SystemClock();
  const dataDirectory = makeDataDirectory(settings);
  const runDirectory = settings.HEARTH_RUN_DIR === '' ? join(dataDirectory, 'run') : resolve(settings.HEARTH_RUN_DIR);
  const databasePath =
    settings.DATABASE_URL === ''
      ? join(dataDirectory, 'hearth.db')
      : resolve(settings.DATABASE_URL.slice('sqlite:'.length));
  const isNew = !existsSync(databasePath);
  const store = await openSqliteStore({ path: databasePath, clock, logger, onFatal });
  const migrated = await store.migrate();
  if (migrated.length > 0) logger.info({ migrated }, 'schema brought up to date');

  const admin = await ensureAdminToken({ store, dataDirectory, configuredToken: settings.HEARTH_ADMIN_TOKEN, clock });
  const tokens = new Tokens({ store, clock, logger });
  await tokens.load();
  const directory = new InMemoryFunctionDirectory();
  await directory.load(store);

  const adapters = createAdapters(settings);
  const drivers = createDrivers({ settings, runDirectory, logger });
  const inventory = new HostInventory({
    drivers,
    runtimes: [...adapters.byName.values()],
    defaultIsolation: settings.HEARTH_ISOLATION,
    hostMemoryBytes: totalmem(),
    clock,
  });
  const bundles = new DirectoryBundleStore({ directory: join(dataDirectory, 'bundles') });
  await bundles.start();
  const builder = new EsbuildBundleBuilder({
    store: bundles,
    adapters: adapters.byName,
    tools: new SandboxedBuildTools({
      nodePath: adapters.nodePath,
      pythonPath: adapters.pythonPath,
      workDirectory: join(dataDirectory, 'build'),
      cacheDirectory: join(dataDirectory, 'build-cache'),
      npmRegistry: settings.HEARTH_NPM_REGISTRY,
      pipIndex: settings.HEARTH_PIP_INDEX,
      registryHosts: settings.HEARTH_REGISTRY_HOSTS,
      memoryMb: settings.HEARTH_BUILD_MEMORY_MB,
      logger,
    }),
    workDirectory: join(dataDirectory, 'build'),
    maxBuildMs: settings.HEARTH_BUILD_TIMEOUT_MS,
  });

  const host = new HostSampler({ clock, logger, dataDirectory });
  const logs = new LogHub({ store, clock, logger });
  const journal = new GroupedJournal({ store, clock, logger });
  const metrics: MetricsCollector = new MetricsCollector({
    store,
    clock,
    logger,
    functionIdOf: (name) => directory.find(name)?.record.id,
    gauges: {
      host: () => host.latest(),
      pool: () => ({ pools: pool.pools(), preWarmed: pool.preWarmed() }),
      scheduler: () => scheduler.stats(),
    },
    retention: {
      secondsMs: 900_000,
      slotsMs: settings.HEARTH_RETENTION_METRICS_10S_HOURS * hourMs,
      minutesMs: settings.HEARTH_RETENTION_METRICS_1M_DAYS * dayMs,
      hoursMs: settings.HEARTH_RETENTION_METRICS_1H_DAYS * dayMs,
    },
  });
  const pool: LocalInstancePool = new LocalInstancePool({
    drivers: new Map(drivers.map((driver) => [driver.name, driver])),
    driverHealth: (name) => inventory.drivers().find((finding) => finding.driver.name === name)?.health ?? noDriver,
    adapters: adapters.byName,
    bundles,
    sandboxes: store.sandboxes,
    openLink: protocolLinks({ clock, cancelGraceMs: 500, helloTimeoutMs: 30_000 }),
    clock,
    metrics,
    logs,
    logger,
    settings: {
      ...defaultPoolSettings,
      maxInstances: settings.HEARTH_MAX_INSTANCES,
      memoryBudgetMb:
        settings.HEARTH_POOL_MEMORY_MB === 0
          ? Math.floor((totalmem() / 1_048_576) * 0.75)
          : settings.HEARTH_POOL_MEMORY_MB,
      maxSimultaneousBoots: settings.HEARTH_MAX_BOOTS === 0 ? availableParallelism() : settings.HEARTH_MAX_BOOTS,
      keepAlive: settings.HEARTH_KEEP_ALIVE,
      preWarmPerRuntime: settings.HEARTH_PREWARM,
      defaultIsolation: settings.HEARTH_ISOLATION,
    },
  });
  const scheduler: LocalScheduler = new LocalScheduler({
    pool,
    queue: store.queue,
    schedules: store.schedules,
    functions: store.functions,
    directory,
    journal,
    metrics,
    clock,
    logger,
    owner: newId('instance'),
    settings: {
      ...defaultSchedulerSettings,
      maxConcurrentInvocations: settings.HEARTH_MAX_CONCURRENT,
      maxQueued: settings.HEARTH_MAX_QUEUED,
      maxQueuedPerFunction: settings.HEARTH_MAX_QUEUED_PER_FUNCTION,
      asyncConcurrency: settings.HEARTH_ASYNC_CONCURRENCY,
    },
  });
  const controlPlane = createControlPlane({
    store,
    directory,
    inventory,
    tokens,
    builder,
    bundles,
    pool,
    scheduler,
    journal,
    metrics,
    images: createRuntimeImages(drivers, adapters.byName),
    clock,
    logger,
  });
  const retention = new Retention({
    clock,
    logger,
    targets: [
      ...storeRetentionTargets({
        store,
        keepInvocationsMs: settings.HEARTH_RETENTION_INVOCATIONS_HOURS * hourMs,
        keepLogsMs: settings.HEARTH_RETENTION_LOGS_HOURS * hourMs,
      }),
      ...metrics.retentionTargets(),
    ],
  });
  const prometheus = new PrometheusPage({
    counters: metrics.counters,
    gauges: () => metrics.gauges(),
    buildInfo: { version: here.version, nodeVersion: process.versions.node },
    extraCounters: [
      { name: 'log_lines_dropped_total', help: 'Log lines given up under load.', value: () => logs.dropped },
      { name: 'records_dropped_total', help: 'Invocation records given up under load.', value: () => journal.dropped },
      { name: 'metric_points_dropped_total', help: 'Points given up.', value: () => metrics.health.droppedPoints },
      {
        name: 'store_write_failures_total',
        help: 'Groups of lines, records or points that had to be written again.',
        value: () => logs.storeFailures + journal.storeFailures + metrics.health.storeFailures,
      },
    ],
  });
  return {
    clock,
    dataDirectory,
    isNew,
    store,
    admin,
    drivers,
    inventory,
    host,
    logs,
    journal,
    metrics,
    pool,
    scheduler,
    builder,
    controlPlane,
    directory,
    retention,
    prometheus,
  };
}

type Parts = Awaited<ReturnType<typeof compose>>;

/** Probes the host, recovers what an earlier platform left, and listens. */
async function run(parts: Parts, settings: Settings, logger: Logger, warnings: readonly string[]): Promise<Running> {
  const { clock, dataDirectory, store, inventory, pool, scheduler, controlPlane } = parts;
  let urls = { control: '', gateway: '' };
  let isDraining = false;
  const startedAt = clock.now();
  for (const driver of parts.drivers) {
    const swept = await driver.sweep(new Set());
    if (swept.removed.length > 0 || swept.failed.length > 0)
      logger.warn({ driver: driver.name, ...swept }, 'removed what an earlier platform left');
  }
  const uploadDirectory = join(dataDirectory, 'uploads');
  await rm(uploadDirectory, { recursive: true, force: true });
  mkdirSync(uploadDirectory, { recursive: true, mode: 0o700 });

  const api = createApiServer({
    controlPlane,
    logs: parts.logs,
    metrics: parts.metrics,
    prometheus: async () => ({ contentType: parts.prometheus.contentType, body: await parts.prometheus.text() }),
    logger,
    uploadDirectory,
    dashboardDirectory: join(here.root, 'dist/dashboard'),
    swaggerUiDirectory: packageDirectory('swagger-ui-dist'),
    isLoopbackOnly: isLoopback(settings.HEARTH_HOST),
    trustProxy: settings.HEARTH_TRUST_PROXY,
    facts: {
      version: here.version,
      startedAt,
      gatewayUrl: () => urls.gateway,
      controlUrl: () => urls.control,
      warnings: () => warnings,
      isDraining: () => isDraining,
      diskFreeBytes: async () => {
        const { bavail, bsize } = await statfs(dataDirectory);
        return bavail * bsize;
      },
      minDiskFreeBytes,
    },
  });
  const gateway = new GatewayServer({
    directory: parts.directory,
    scheduler,
    clock,
    logger,
    trustsProxy: settings.HEARTH_TRUST_PROXY,
  });

  await inventory.refresh();
  await parts.host.start();
  await parts.logs.start();
  parts.metrics.start();
  parts.retention.start();
  // Before anything is started for functions, so that a taken port ends a start that has left no trace.
  const controlPort = await listenForControl(api, settings);
  const gatewayPort = await gateway.listen(settings.HEARTH_HOST, settings.HEARTH_GATEWAY_PORT);
  urls = {
    control: urlOf(settings.HEARTH_HOST, controlPort),
    gateway:
      settings.HEARTH_GATEWAY_URL === ''
        ? urlOf(settings.HEARTH_HOST, gatewayPort)
        : settings.HEARTH_GATEWAY_URL.replace(/\/+$/, ''),
  };
  await pool.start();
  await scheduler.start();
  controlPlane.provision();
  return {
    controlUrl: urls.control,
    gatewayUrl: urls.gateway,
    stop: async (graceMs) => {
      isDraining = true;
      const deadlineAt = clock.now() + graceMs;
      await Promise.all([gateway.close(graceMs), scheduler.drain(deadlineAt)]);
      await api.close();
      await pool.drain(deadlineAt);
      await Promise.all(parts.drivers.map(async (driver) => await driver.close()));
      await Promise.all([parts.retention.close(), controlPlane.settled(), parts.builder.close()]);
      await Promise.all([parts.journal.close(), parts.logs.close(), parts.metrics.close(), parts.host.close()]);
      await rm(join(dataDirectory, platformFile), { force: true });
      await store.close();
    },
  };
}

async function readNewToken({ admin }: Parts): Promise<string | undefined> {
  return admin.source === 'generated' && admin.path !== undefined
    ? (await readFile(admin.path, 'utf8')).trim()
    : undefined;
}

async function main(): Promise<void> {
  const { settings, warnings: settingWarnings } = loadSettings(process.env);
  const logger = pino(
    { level: settings.LOG_LEVEL, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  );
  const onFatal = (error: unknown): void => {
    logger.fatal({ err: error }, 'the platform cannot go on and ends; sandboxes end with it');
    process.exit(1);
  };
  process.on('uncaughtException', onFatal);
  process.on('unhandledRejection', onFatal);
  const warnings = warningsOf(settings, settingWarnings);
  for (const warning of warnings) logger.warn(warning);

  const parts = await compose(settings, logger, onFatal);
  const running = await run(parts, settings, logger, warnings);
  stopOnSignals(running, settings, logger);
  const deployed =
    parts.isNew && settings.HEARTH_EXAMPLES
      ? await deployExamples(parts.controlPlane.deployments, here.root, logger)
      : undefined;
  const tryPath = deployed ?? (parts.directory.find('hello') === undefined ? undefined : exampleTryPath);
  process.stdout.write(
    renderBanner({
      version: here.version,
      controlUrl: running.controlUrl,
      gatewayUrl: running.gatewayUrl,
      newToken: await readNewToken(parts),
      tokenPath: parts.admin.path,
      drivers: parts.inventory
        .drivers()
        .map(({ driver, health, isDefault }) => ({ name: driver.name, health, isDefault })),
      runtimes: parts.inventory.runtimes(),
      warnings,
      tryPath,
    }),
  );
  await writePlatformFile(parts.dataDirectory, running);
  releaseStartMemory();
}

try {
  await main();
} catch (error) {
  if (error instanceof SettingsError) endWith(2, error.message);
  if (error instanceof PlatformError) endWith(1, error.message);
  endWith(1, error instanceof Error ? (error.stack ?? error.message) : String(error));
}
