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

/** Probes the host, recovers what an earlier platform left, and listens. */
export async function run(parts: Parts, warnings: readonly string[]): Promise<Running> {
  const { settings, logger, clock, dataDirectory, store, inventory, pool, scheduler, controlPlane } = parts;
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
    refusals: parts.metrics,
    prometheus: async () => ({ contentType: parts.prometheus.contentType, body: await parts.prometheus.text() }),
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
  const gatewayOptions: GatewayServerOptions = {
    directory: parts.directory,
    scheduler,
    metrics: parts.metrics,
    clock,
    logger,
    trustsProxy: settings.HEARTH_TRUST_PROXY,
    gate: createCallGate(parts),
    callChains: parts.callChains,
  };
  const gateway = createGateway(gatewayOptions, settings.HEARTH_GATEWAYS, parts.runDirectory);

  await inventory.refresh();
  await parts.host.start();
  await parts.logs.start();
  parts.metrics.start();
  parts.exporter?.start();
  parts.retention.start();
  parts.requestRetention.start();
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
  parts.alerting.start();
  inventory.watch();
  parts.canaryWatch.start();
  return {
    controlUrl: urls.control,
    gatewayUrl: urls.gateway,
    stop: async (graceMs) => {
      isDraining = true;
      inventory.stopWatching();
      const deadlineAt = clock.now() + graceMs;
      await Promise.all([gateway.close(graceMs), scheduler.drain(deadlineAt), controlPlane.builds.close(graceMs)]);
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
        parts.journal,
        parts.logs,
        parts.metrics,
        parts.errors,
        parts.refusals,
        parts.host,
        ...(parts.exporter ? [parts.exporter] : []),
      ];
      await Promise.all(watchers.map(async (watcher) => await watcher.close()));
      await rm(join(dataDirectory, platformFile), { force: true });
      await store.close();
    },
  };
}

/** One gateway in this process, or several processes that share its port. */
function createGateway(options: GatewayServerOptions, processes: number, runDirectory: string) {
  if (processes === 1) return new GatewayServer(options);
  return new GatewayFleet({ ...options, processes, runDirectory, program: join(here.root, 'dist/server/gateway.mjs') });
}
