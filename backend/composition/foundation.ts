import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { pino } from 'pino';
import type { Settings } from '../config/schema.ts';
import { InMemoryFunctionDirectory } from '../control-plane/function-directory.ts';
import { SystemClock } from '../core/system-clock.ts';
import { openSqliteStore } from '../database/sqlite/open-sqlite-store.ts';
import { CallChainSigner } from '../secrets/call-chain-signer.ts';
import { keySourceOf } from '../secrets/key-sources.ts';
import { SecretVault } from '../secrets/secret-vault.ts';
import { makeDataDirectory } from '../startup/host.ts';
import { findPackage } from '../startup/package-root.ts';
import { restoreIfAsked } from './restore.ts';

/** What a start is made from. */
export interface StartOptions {
  readonly settings: Settings;
  readonly logger: pino.Logger;
  /** PATH of the platform, where programs of the host are looked for. */
  readonly searchPath: string;
  readonly onFatal: (error: unknown) => void;
}

/** This installation: where its files are, and its version. */
export const here = findPackage(import.meta.dirname);

/** What every other part stands on: folders, clock, an open and migrated store, the functions in memory. */
export async function openFoundation(options: StartOptions) {
  const { settings, logger, onFatal } = options;
  const clock = new SystemClock();
  const dataDirectory = makeDataDirectory(settings);
  const runDirectory = settings.HEARTH_RUN_DIR === '' ? join(dataDirectory, 'run') : resolve(settings.HEARTH_RUN_DIR);
  const databasePath =
    settings.DATABASE_URL === ''
      ? join(dataDirectory, 'hearth.db')
      : resolve(settings.DATABASE_URL.slice('sqlite:'.length));
  await restoreIfAsked(settings, dataDirectory, databasePath, logger);
  const isNew = !existsSync(databasePath);
  const store = await openSqliteStore({ path: databasePath, clock, logger, onFatal });
  const migrated = await store.migrate();
  if (migrated.length > 0) logger.info({ migrated }, 'schema brought up to date');
  const secrets = new SecretVault({
    store: store.secrets,
    source: keySourceOf({
      key: settings.HEARTH_SECRETS_KEY,
      keyFile: settings.HEARTH_SECRETS_KEY_FILE,
      keyCommand: settings.HEARTH_SECRETS_KEY_COMMAND,
      ownFile: join(dataDirectory, 'secrets.key'),
    }),
    logger,
  });
  await secrets.start();
  const callChains = new CallChainSigner({ key: secrets.deriveKey('call chain'), clock });
  const directory = new InMemoryFunctionDirectory();
  await directory.load(store);
  return { ...options, clock, dataDirectory, runDirectory, isNew, store, secrets, callChains, directory };
}
export type Foundation = Awaited<ReturnType<typeof openFoundation>>;
