import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { z } from 'zod';
import { builtGuestsSchema, type RuntimeDocument } from '../../shared/api/system.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { availableRuntimes } from './available-runtimes.ts';

type BuiltGuest = z.infer<typeof builtGuestsSchema>['guests'][number];

const path = '/api/v1/system/guests';

export function registerGuest(program: Command, context: ContextFactory): void {
  program
    .command('guest')
    .description('what microVMs boot from')
    .command('build')
    .description('make kernel, initial RAM disk and root images for microVMs, those that are not there')
    .argument('[runtime...]', 'nodejs, python, custom; all that the platform has when left out')
    .option(
      '--kernel <file>',
      "a kernel file or .deb on the platform's machine that guests boot from now on; `installed`: the distribution's again",
    )
    .action(async (runtimes: readonly string[], { kernel }: { readonly kernel?: string }) => {
      await buildGuests(context(), runtimes, kernel);
    });
}

async function buildGuests(
  { client, terminal, directory }: CliContext,
  wanted: readonly string[],
  kernel: string | undefined,
): Promise<void> {
  const choice = kernel === undefined || kernel === 'installed' ? kernel : resolve(directory, kernel);
  const runtimes = wanted.length > 0 ? wanted : await availableRuntimes(client, runsInGuests);
  const built: BuiltGuest[] = [];
  for (const runtime of runtimes) {
    terminal.say(`${runtime}: making its guest; the first time takes some seconds`);
    const { guests } = await client.send('POST', path, builtGuestsSchema, { json: { runtime, kernel: choice } });
    for (const guest of guests) {
      for (const line of guest.progress) terminal.say(`${runtime} (${guest.driver}): ${line}`);
      terminal.say(`${runtime} (${guest.driver}): kernel ${guest.kernelVersion}`);
    }
    built.push(...guests);
  }
  if (terminal.isJson) terminal.json(built);
  else terminal.table(['isolation', 'runtime', 'part', 'file', 'digest', 'size', ''], built.flatMap(rowsOf));
}

/** Images of users are run as containers. */
function runsInGuests({ name }: RuntimeDocument): boolean {
  return name !== 'image';
}

function rowsOf({ driver, runtime, parts }: BuiltGuest): readonly (readonly string[])[] {
  return parts.map(({ part, name, digest, sizeBytes, isNew }) => [
    ...[driver, runtime, part, name, digest.replace('sha256:', '').slice(0, 12)],
    ...[`${(sizeBytes / 1e6).toFixed(1)} MB`, isNew ? 'new' : 'was there'],
  ]);
}
