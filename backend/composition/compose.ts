/**
 * Builds everything, in the order in which parts need one another. Nothing listens yet. The files of this folder, main.ts and drivers/catalog.ts are
 * the only ones that know concrete adapters.
 */
import { hourMs, minuteMs } from '../../shared/durations.ts';
import { projectOf } from '../../shared/names.ts';
import { ArchiveWriter } from '../backup/archive-writer.ts';
import { ensureAdminToken } from '../control-plane/admin-token.ts';
import { CanaryWatch } from '../control-plane/canary-watch.ts';
import { createControlPlane } from '../control-plane/control-plane.ts';
import { Tokens } from '../control-plane/tokens.ts';
import { createContainerImages, createGuestImages, createRuntimeImages } from '../execution-engine/drivers/catalog.ts';
import { createAlerting } from './alerting.ts';
import { createEgress } from './egress.ts';
import { createEngine } from './engine.ts';
import { here, openFoundation, type StartOptions } from './foundation.ts';
import { createObservation } from './observation.ts';
import { createScheduling } from './scheduling.ts';

const canaryIntervalMs = 5000;

export async function compose(options: StartOptions) {
  const foundation = await openFoundation(options);
  const { settings, logger, clock, dataDirectory, store, directory } = foundation;
  const admin = await ensureAdminToken({ store, dataDirectory, configuredToken: settings.HEARTH_ADMIN_TOKEN, clock });
  const tokens = new Tokens({ store, clock, logger });
  await tokens.load();

  const engine = await createEngine(foundation);
  const egress = createEgress(foundation);
  const observation = createObservation(
    foundation,
    {
      pool: () => ({ pools: scheduling.pool.pools(), preWarmed: scheduling.pool.preWarmed() }),
      scheduler: () => scheduling.scheduler.stats(),
    },
    egress,
  );
  const scheduling: ReturnType<typeof createScheduling> = createScheduling(foundation, engine, observation, egress);
  const alerting = createAlerting(foundation, observation);
  const backups = new ArchiveWriter({
    dataDirectory,
    store,
    bundles: engine.bundles,
    version: here.version,
    secretsKeyId: () => foundation.secrets.view().keyId,
    clock,
  });
  await backups.clean();
  const containerImages = createContainerImages(engine.drivers);
  const controlPlane = await createControlPlane({
    store,
    directory,
    inventory: engine.inventory,
    tokens,
    builder: engine.builder,
    bundles: engine.bundles,
    pool: scheduling.pool,
    secrets: foundation.secrets,
    readSecret: async (functionName, name) => foundation.secrets.demand(projectOf(functionName), name),
    scheduler: scheduling.scheduler,
    callChains: foundation.callChains,
    journal: observation.journal,
    metrics: observation.metrics,
    images: createRuntimeImages(engine.drivers, engine.adapters),
    guests: createGuestImages({ ...foundation, drivers: engine.drivers, adapters: engine.adapters }),
    backups,
    alerts: alerting.alerts,
    numbers: observation.metrics,
    levelCosts: observation.levelCosts,
    ...(containerImages === undefined ? {} : { containerImages }),
    clock,
    logger,
    sessionLifeMs: settings.HEARTH_SESSION_HOURS * hourMs,
    draftIdleMs: settings.HEARTH_DRAFT_IDLE_MINUTES * minuteMs,
  });
  const canaryWatch = new CanaryWatch({
    directory,
    aliases: controlPlane.aliases,
    metrics: observation.metrics,
    clock,
    logger,
    intervalMs: canaryIntervalMs,
  });
  return { ...foundation, ...engine, ...observation, ...scheduling, alerting, canaryWatch, admin, controlPlane };
}
export type Parts = Awaited<ReturnType<typeof compose>>;
