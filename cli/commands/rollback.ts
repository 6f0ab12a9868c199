import type { Command } from 'commander';
import { aliasMovePageSchema } from '../../shared/api/alias-moves.ts';
import { aliasSchema } from '../../shared/api/functions.ts';
import { functionPath } from '../api-paths.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { allPages } from '../pages.ts';
import { previousLive } from '../previous-live.ts';

export function registerRollback(program: Command, context: ContextFactory): void {
  program
    .command('rollback')
    .description('move the alias `live` to an earlier version')
    .argument('<function>')
    .argument('[version]', 'the one that was live before when left out')
    .option('-m, --message <text>', 'why; kept with the alias and in the audit trail')
    .option('-y, --yes', 'accepted for scripts: nothing is asked')
    .action(
      async (name: string, version: string | undefined, { message }: { readonly message?: string }) =>
        await rollback(context(), name, version, message),
    );
}

async function rollback(
  context: CliContext,
  name: string,
  wanted: string | undefined,
  message: string | undefined,
): Promise<void> {
  const { client, terminal } = context;
  const version = wanted === undefined ? await versionBefore(context, name) : Number(wanted);
  if (!Number.isInteger(version) || version < 1)
    throw new CliError(exitCodes.usage, `${wanted} is not a version number`);
  const alias = await client.send('PUT', `${functionPath(name)}/aliases/live`, aliasSchema, {
    json: { versions: [{ version, weight: 1 }], ...(message === undefined ? {} : { message }) },
  });
  terminal.answer(alias, `${name} now answers with version ${version}`);
}

async function versionBefore({ client }: CliContext, name: string): Promise<number> {
  const newestFirst = await allPages((cursor) =>
    client.get(`${functionPath(name)}/alias-moves`, aliasMovePageSchema, { alias: 'live', limit: 200, cursor }),
  );
  const version = previousLive(newestFirst.toReversed());
  if (version !== undefined) return version;
  throw new CliError(exitCodes.conflict, `no version of ${name} was live before`, {
    hint: `Name one: hearth rollback ${name} VERSION. See them with: hearth version list ${name}`,
  });
}
