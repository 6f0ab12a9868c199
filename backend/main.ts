/**
 * The platform's process: settings -> parts -> listen -> signals -> drain. The parts are put together in composition/.
 */
import { readFile } from 'node:fs/promises';
import { pino } from 'pino';
import { PlatformError } from '../shared/errors.ts';
import { compose, type Parts } from './composition/compose.ts';
import { here } from './composition/foundation.ts';
import { run } from './composition/run.ts';
import { forgetSecretSettings, loadSettings, SettingsError } from './config/load-settings.ts';
import { renderBanner } from './startup/banner.ts';
import { deployExamples, exampleTryPath } from './startup/examples.ts';
import { endWith, stopOnSignals, writePlatformFile } from './startup/process-control.ts';
import { warningsOf } from './startup/warnings.ts';
import { makeFullCollectionsRare } from './util/collector-settings.ts';
import { releaseStartMemory } from './util/release-memory.ts';
import { askForShortSlices } from './util/short-slices.ts';

async function readNewToken({ admin }: Parts): Promise<string | undefined> {
  return admin.source === 'generated' && admin.path !== undefined
    ? (await readFile(admin.path, 'utf8')).trim()
    : undefined;
}

async function main(): Promise<void> {
  const { settings, warnings: settingWarnings } = loadSettings(process.env);
  forgetSecretSettings(process.env);
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

  const parts = await compose({ settings, logger, searchPath: process.env['PATH'] ?? '', onFatal });
  const running = await run(parts, warnings);
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
  makeFullCollectionsRare();
  await askForShortSlices(process.pid, parts.dataDirectory);
  releaseStartMemory();
}

try {
  await main();
} catch (error) {
  if (error instanceof SettingsError) endWith(2, error.message);
  if (error instanceof PlatformError) endWith(1, error.message);
  endWith(1, error instanceof Error ? (error.stack ?? error.message) : String(error));
}
