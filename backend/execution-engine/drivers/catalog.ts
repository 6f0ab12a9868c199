import type { Settings } from '../../config/schema.ts';
import type { IsolationDriver } from '../../core/ports/isolation-driver.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { DockerDriver } from './docker/docker-driver.ts';
import { ProcessDriver } from './process/process-driver.ts';
import { UnsandboxedDriver } from './unsandboxed/unsandboxed-driver.ts';

export interface CatalogOptions {
  readonly settings: Settings;
  /** Where sandboxes that run keep what they need on the host. */
  readonly runDirectory: string;
  readonly logger: Logger;
}

/** Every isolation driver that this installation allows. With `drivers/<name>/`, a line here is all that a new one needs. */
export function createDrivers({ settings, runDirectory, logger }: CatalogOptions): readonly IsolationDriver[] {
  const drivers: IsolationDriver[] = [
    new ProcessDriver({
      runDirectory,
      minimumTier: settings.HEARTH_MINIMUM_TIER,
      logger,
      ...(settings.HEARTH_BWRAP_PATH === '' ? {} : { bwrapPath: settings.HEARTH_BWRAP_PATH }),
    }),
    new DockerDriver({
      runDirectory,
      dockerHost: settings.HEARTH_DOCKER_HOST === '' ? settings.DOCKER_HOST : settings.HEARTH_DOCKER_HOST,
      images: {
        ...(settings.HEARTH_DOCKER_IMAGE_NODEJS === '' ? {} : { nodejs: settings.HEARTH_DOCKER_IMAGE_NODEJS }),
        ...(settings.HEARTH_DOCKER_IMAGE_PYTHON === '' ? {} : { python: settings.HEARTH_DOCKER_IMAGE_PYTHON }),
      },
      logger,
    }),
  ];
  // Never reachable by accident: without the setting the level does not exist.
  if (settings.HEARTH_ALLOW_UNSANDBOXED) drivers.push(new UnsandboxedDriver({ runDirectory, logger }));
  return drivers;
}
