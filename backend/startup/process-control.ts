import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../config/schema.ts';
import type { Logger } from '../core/ports/logger.ts';

/** A platform that listens. */
export interface Running {
  readonly controlUrl: string;
  readonly gatewayUrl: string;
  /** Stops taking work, lets what runs finish until the grace is over, writes everything out. */
  stop(graceMs: number): Promise<void>;
}

/** One line for a person, and the process ends. */
export function endWith(status: number, message: string): never {
  process.stderr.write(`hearth: ${message}\n`);
  process.exit(status);
}

/** The file in the data folder that `writePlatformFile` writes. */
export const platformFile = 'platform.json';

/** Where tools on this machine find the platform; written when it is ready, removed when it ends. */
export async function writePlatformFile(dataDirectory: string, running: Running): Promise<void> {
  const path = join(dataDirectory, platformFile);
  await writeFile(
    `${path}.tmp`,
    JSON.stringify({ pid: process.pid, controlUrl: running.controlUrl, gatewayUrl: running.gatewayUrl }),
  );
  await rename(`${path}.tmp`, path);
}

/** SIGTERM and SIGINT drain and end with 0; the second signal does not wait. */
export function stopOnSignals(running: Running, settings: Settings, logger: Logger): void {
  let isStopping = false;
  const stop = (signal: string): void => {
    // The second signal does not wait.
    if (isStopping) process.exit(1);
    isStopping = true;
    logger.info({ signal }, 'stopping: running invocations may finish');
    running.stop(settings.HEARTH_DRAIN_TIMEOUT_MS).then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'stopping failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
