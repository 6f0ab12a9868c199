import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { Command } from 'commander';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';

export function registerBackup(program: Command, context: ContextFactory): void {
  program
    .command('backup')
    .description('everything but the key of secrets in one file, while the platform runs')
    .option('-o, --out <file>', 'hearth-<time>.tar.gz in this folder when left out; must not exist')
    .action(async (options: { readonly out?: string }) => await backup(context(), options.out));
}

async function backup({ client, terminal, directory, signal }: CliContext, out: string | undefined): Promise<void> {
  if (out !== undefined) await refuseExisting(resolve(directory, out));
  const response = await client.request('/api/v1/system/backups', { method: 'POST', signal });
  const named = /filename="([\w.-]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1];
  const path = resolve(directory, out ?? named ?? 'hearth-backup.tar.gz');
  await refuseExisting(path);
  if (response.body === null) throw new CliError(exitCodes.failure, 'the platform sent nothing');
  // A file of that name is a whole backup: the transfer ends in an error when the platform does.
  const partial = `${path}.part`;
  try {
    const target = createWriteStream(partial, { mode: 0o600, flush: true });
    await pipeline(Readable.fromWeb(response.body as ReadableStream), target);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    if (signal.aborted) throw error;
    throw new CliError(exitCodes.failure, `the backup is not whole and was deleted: ${reasonOf(error)}`, {
      hint: 'The log of the platform says what it met.',
    });
  }
  const { size } = await stat(path);
  terminal.result({ file: path, sizeBytes: size }, path);
  terminal.say(`${(size / 1e6).toFixed(1)} MB. The key of secrets is not in it; keep it elsewhere (docs/backup.md).`);
}

async function refuseExisting(path: string): Promise<void> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (isThere) throw new CliError(exitCodes.conflict, `${path} exists already`, { hint: 'Name another with --out.' });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
