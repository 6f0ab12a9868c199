import type { Command } from 'commander';
import { aliasMovePageSchema } from '../../shared/api/alias-moves.ts';
import { type Alias, aliasPageSchema, aliasSchema, type PutAlias } from '../../shared/api/functions.ts';
import { functionPath } from '../api-paths.ts';
import type { ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { allPages } from '../pages.ts';
import { ago, type Terminal } from '../terminal.ts';

type Share = PutAlias['versions'][number];

interface SetOptions {
  readonly stable?: string;
  readonly maxErrorRise?: string;
  readonly maxP95Ratio?: string;
  readonly minInvocations?: string;
}

const path = (name: string): string => `${functionPath(name)}/aliases`;

export function registerAliases(program: Command, context: ContextFactory): void {
  const aliases = program.command('alias').alias('aliases').description('names for versions, and shares of traffic');
  aliases
    .command('list')
    .description('aliases of a function')
    .argument('<function>')
    .action(async (name: string) => {
      const { client, terminal } = context();
      const items = await allPages((cursor) => client.get(path(name), aliasPageSchema, { limit: 200, cursor }));
      terminal.list(items, ['alias', 'versions', 'moved', 'guard'], (item) => [
        item.name,
        sharesText(item),
        ago(item.updatedAt),
        guardText(item),
      ]);
    });
  aliases
    .command('set')
    .description('which versions an alias means: 3 for one, 3=90 4=10 for shares of the traffic')
    .argument('<function>')
    .argument('<alias>', 'live is the one that routes use')
    .argument('<version[=weight]...>', 'weights are shares of their sum', addShare)
    .option('--stable <version>', 'take the traffic back to this version when another one fails more')
    .option('--max-error-rise <share>', 'with --stable: how much more may fail, 0 to 1')
    .option(
      '--max-p95-ratio <times>',
      'with --stable: how many times as slow it may be, such as 1.5; not compared without',
    )
    .option('--min-invocations <count>', 'with --stable: fewer calls decide nothing')
    .action(async (name: string, alias: string, versions: readonly Share[], options: SetOptions) => {
      const { client, terminal } = context();
      const json = { versions, ...guardOf(options) };
      show(
        terminal,
        name,
        await client.send('PUT', `${path(name)}/${encodeURIComponent(alias)}`, aliasSchema, { json }),
      );
    });
  aliases
    .command('history')
    .description('moves of the aliases of a function, newest first: who, when, from what to what, why')
    .argument('<function>')
    .option('--alias <name>', 'of this alias alone')
    .option('-n, --limit <count>', 'how many, at most 200', '20')
    .action(async (name: string, { alias, limit }: { readonly alias?: string; readonly limit: string }) => {
      const { client, terminal } = context();
      const moves = `${functionPath(name)}/alias-moves`;
      const { items } = await client.get(moves, aliasMovePageSchema, { alias, limit });
      terminal.list(items, ['when', 'alias', 'move', 'from', 'to', 'by', 'reason'], (item) => [
        item.at,
        item.alias,
        item.kind,
        movedText(item.before),
        movedText(item.after),
        item.by,
        item.reason,
      ]);
    });
  aliases
    .command('delete')
    .description('remove an alias; `live` cannot be')
    .argument('<function>')
    .argument('<alias>')
    .action(async (name: string, alias: string) => {
      const { client, terminal } = context();
      await client.request(`${path(name)}/${encodeURIComponent(alias)}`, { method: 'DELETE' });
      terminal.answer({ deleted: alias }, `Deleted the alias ${alias} of ${name}`);
    });
}

function addShare(text: string, before: readonly Share[] = []): readonly Share[] {
  const match = /^(\d+)(?:=(\d+(?:\.\d+)?))?$/.exec(text);
  if (match === null)
    throw new CliError(exitCodes.usage, `${text} is not version=weight`, {
      hint: 'For example: hearth alias set shop live 3=90 4=10',
    });
  return [...before, { version: Number(match[1]), weight: Number(match[2] ?? 1) }];
}

function guardOf(options: SetOptions): Pick<PutAlias, 'canary'> {
  if (options.stable === undefined) {
    const { maxErrorRise, maxP95Ratio, minInvocations } = options;
    if ([maxErrorRise, maxP95Ratio, minInvocations].every((option) => option === undefined)) return {};
    throw new CliError(exitCodes.usage, '--max-error-rise, --max-p95-ratio and --min-invocations belong to --stable', {
      hint: 'Name the version that has all the traffic when the canary is taken back: --stable 3',
    });
  }
  return {
    canary: {
      stable: numberOf('--stable', options.stable),
      ...(options.maxErrorRise === undefined
        ? {}
        : { maxErrorRateRise: numberOf('--max-error-rise', options.maxErrorRise) }),
      ...(options.maxP95Ratio === undefined ? {} : { maxP95Ratio: numberOf('--max-p95-ratio', options.maxP95Ratio) }),
      ...(options.minInvocations === undefined
        ? {}
        : { minInvocations: numberOf('--min-invocations', options.minInvocations) }),
    },
  };
}

function numberOf(option: string, text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new CliError(exitCodes.usage, `${option} takes a number, not ${text}`);
}

function show(terminal: Terminal, name: string, alias: Alias): void {
  terminal.answer(alias, `${name}/${alias.name}: ${sharesText(alias)}, ${guardText(alias)}`);
}

/** `3` alone, or `3: 90 %, 4: 10 %`. */
function sharesText({ versions }: Pick<Alias, 'versions'>): string {
  if (versions.length === 1) return `version ${versions[0]?.version}`;
  const sum = versions.reduce((total, { weight }) => total + weight, 0);
  return versions.map(({ version, weight }) => `${version}: ${Math.round((100 * weight) / sum)} %`).join(', ');
}

const movedText = (versions: Alias['versions']): string => (versions.length === 0 ? '-' : sharesText({ versions }));

function guardText({ canary, aborted }: Alias): string {
  if (aborted !== null) return `taken back ${ago(aborted.at)}: ${aborted.reason}`;
  return canary === null
    ? 'no guard'
    : `back to version ${canary.stable} on failures${canary.maxP95Ratio === undefined ? '' : ' or slowness'}`;
}
