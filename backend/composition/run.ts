import { mkdirSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { createApiServer } from '../api/server.ts';
import { GatewayFleet } from '../gateway/fleet/gateway-fleet.ts';
import { GatewayServer, type GatewayServerOptions } from '../gateway/server.ts';
import { isLoopback, listenForControl, urlOf } from '../startup/addresses.ts';
import { packageDirectory } from '../startup/host.ts';
import { platformFile, type Running } from '../startup/process-control.ts';
import { createCallGate } from './access.ts';
import type { Parts } from './compose.ts';
import { here } from './foundation.ts';

/** Less free disk than this and the platform says that it is not ready. */
const minDiskFreeBytes = 64 * 1_048_576;

type ControlApi = ReturnType<typeof createApiServer>;
type Gateway = ReturnType<typeof createGateway>;

/** What is known of the platform only while it runs. */
interface Phase {
  urls: { readonly control: string; readonly gateway: string };
  isDraining: boolean;
}

/** Probes the host, recovers what an earlier platform left, and listens. */
export async function run(parts: Parts, warnings: readonly string[]): Promise<Running> {
  const { settings, inventory } = parts;
  const phase: Phase = { urls: { control: '', gateway: '' }, isDraining: false };
  const startedAt = parts.clock.now();
  await sweep(parts);
  const api = createControlApi(parts, { warnings, startedAt, phase, uploadDirectory: await emptyUploads(parts) });
  const gateway = createGateway(parts);

  await inventory.refresh();
  await startObservers(parts);
  // Before anything is started for functions, so that a taken port ends a start that has left no trace.
  const controlPort = await listenForControl(api, settings);
  const gatewayPort = await gateway.listen(settings.HEARTH_HOST, settings.HEARTH_GATEWAY_PORT);
  phase.urls = {
    control: urlOf(settings.HEARTH_HOST, controlPort),
    gateway:
      settings.HEARTH_GATEWAY_URL === ''
        ? urlOf(settings.HEARTH_HOST, gatewayPort)
        : settings.HEARTH_GATEWAY_URL.replace(/\/+$/, ''),
  };
  await parts.pool.start();
  await parts.scheduler.start();
  parts.controlPlane.provision();
  parts.alerting.start();
  inventory.watch();
  parts.canaryWatch.start();
  return {
    controlUrl: phase.urls.control,
    gatewayUrl: phase.urls.gateway,
    stop: async (graceMs) => {
      phase.isDraining = true;
      await stop(parts, api, gateway, graceMs);
    },
  };
}

async function sweep({ drivers, logger }: Parts): Promise<void> {
  for (const driver of drivers) {
    const swept = await driver.sweep(new Set());
    if (swept.removed.length > 0 || swept.failed.length > 0)
      logger.warn({ driver: driver.name, ...swept }, 'removed what an earlier platform left');
  }
}

/** The folder of uploads, without those that an earlier platform did not get to the end of. */
async function emptyUploads({ dataDirectory }: Parts): Promise<string> {
  const directory = join(dataDirectory, 'uploads');
  await rm(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return directory;
}

interface ControlFacts {
  readonly warnings: readonly string[];
  readonly startedAt: number;
  readonly phase: Phase;
  readonly uploadDirectory: string;
}

function createControlApi(parts: Parts, { warnings, startedAt, phase, uploadDirectory }: ControlFacts) {
  const { settings, controlPlane, logs, metrics, prometheus, logger, dataDirectory } = parts;
  return createApiServer({
    controlPlane,
    logs,
    metrics,
    refusals: metrics,
    prometheus: async () => ({ contentType: prometheus.contentType, body: await prometheus.text() }),
    logger,
    uploadDirectory,
    dashboardDirectory: join(here.root, 'dist/dashboard'),
    swaggerUiDirectory: packageDirectory('swagger-ui-dist'),
    isLoopbackOnly: isLoopback(settings.HEARTH_HOST),
    trustProxy: settings.HEARTH_TRUST_PROXY,
    maxRequestsPerMinute: settings.HEARTH_API_REQUESTS_PER_MINUTE,
    facts: {
      version: here.version,
      startedAt,
      gatewayUrl: () => phase.urls.gateway,
      controlUrl: () => phase.urls.control,
      warnings: () => warnings,
      isDraining: () => phase.isDraining,
      diskFreeBytes: async () => {
        const { bavail, bsize } = await statfs(dataDirectory);
        return bavail * bsize;
      },
      minDiskFreeBytes,
    },
  });
}

async function startObservers({ host, logs, metrics, exporter, retention, requestRetention }: Parts): Promise<void> {
  await host.start();
  await logs.start();
  metrics.start();
  exporter?.start();
  retention.start();
  requestRetention.start();
}

const lastAnswersMs = 1000;

/** Lets end what runs, for `graceMs` at most, then closes what it was built on: calls, sandboxes, what was noted of them, the store. */
async function stop(parts: Parts, api: ControlApi, gateway: Gateway, graceMs: number): Promise<void> {
  const { clock, inventory, scheduler, controlPlane, pool, store, dataDirectory } = parts;
  inventory.stopWatching();
  const deadlineAt = clock.now() + graceMs;
  // The gateway stays a little longer: whose call was interrupted gets an answer.
  await Promise.all([
    gateway.close(graceMs + lastAnswersMs),
    scheduler.drain(deadlineAt),
    controlPlane.builds.close(graceMs),
  ]);
  await controlPlane.backups.close();
  await api.close();
  await parts.alerting.close();
  await parts.canaryWatch.close();
  await pool.drain(deadlineAt);
  await Promise.all(parts.drivers.map(async (driver) => await driver.close()));
  await Promise.all([
    parts.retention.close(),
    parts.requestRetention.close(),
    controlPlane.settled(),
    parts.builder.close(),
    parts.bundles.close(),
    parts.secrets.close(),
  ]);
  const watchers = [
    ...[parts.journal, parts.logs, parts.metrics, parts.errors, parts.refusals, parts.host],
    ...(parts.exporter ? [parts.exporter] : []),
  ];
  await Promise.all(watchers.map(async (watcher) => await watcher.close()));
  await rm(join(dataDirectory, platformFile), { force: true });
  await store.close();
}

/** One gateway in this process, or several processes that share its port. */
function createGateway(parts: Parts) {
  const { settings, directory, scheduler, metrics, clock, logger, callChains, runDirectory } = parts;
  const options: GatewayServerOptions = {
    ...{ directory, scheduler, metrics, clock, logger, callChains },
    trustsProxy: settings.HEARTH_TRUST_PROXY,
    gate: createCallGate(parts),
  };
  const processes = settings.HEARTH_GATEWAYS;
  if (processes === 1) return new GatewayServer(options);
  return new GatewayFleet({ ...options, processes, runDirectory, program: join(here.root, 'dist/server/gateway.mjs') });
}
