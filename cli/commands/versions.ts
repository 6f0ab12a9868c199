import type { Command } from 'commander';
import {
  type VersionDocument,
  type VersionFiles,
  versionFilesSchema,
  versionPageSchema,
  versionSchema,
} from '../../shared/api/functions.ts';
import { changedFields, changedFiles, diffLines, type LineChange, splitFiles } from '../../shared/version-changes.ts';
import { functionPath } from '../api-paths.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { allPages } from '../pages.ts';
import { ago, bytesText, printable } from '../terminal.ts';

const path = (name: string): string => `${functionPath(name)}/versions`;

export function registerVersions(program: Command, context: ContextFactory): void {
  const versions = program.command('version').alias('versions').description('versions');
  versions
    .command('list')
    .description('versions of a function, newest first')
    .argument('<function>')
    .action(async (name: string) => await listVersions(context(), name));
  versions
    .command('view')
    .alias('show')
    .description('one version: who made it, its configuration and its files')
    .argument('<function>')
    .argument('<version>', '3 or v3')
    .action(async (name: string, version: string) => await viewVersion(context(), name, numberOf(version)));
  program
    .command('diff')
    .description('what differs between two versions: code, configuration and the environment, without its values')
    .argument('<function>')
    .argument('<from>', '3 or v3')
    .argument('<to>')
    .action(
      async (name: string, from: string, to: string) => await diff(context(), name, [numberOf(from), numberOf(to)]),
    );
}

/** `3` or `v3`. */
function numberOf(text: string): number {
  const number = /^v?(\d{1,9})$/.exec(text)?.[1];
  if (number === undefined) throw new CliError(exitCodes.usage, `${text} is not a version, such as 3 or v3`);
  return Number(number);
}

async function listVersions({ client, terminal }: CliContext, name: string): Promise<void> {
  const items = await allPages((cursor) => client.get(path(name), versionPageSchema, { limit: 200, cursor }));
  terminal.list(items, ['version', 'aliases', 'created', 'by', 'size', 'message'], (item) => [
    String(item.version),
    item.aliases.join(', '),
    ago(item.createdAt),
    item.createdBy,
    bytesText(item.sizeBytes),
    item.message,
  ]);
}

const getVersion = ({ client }: CliContext, name: string, version: number): Promise<VersionDocument> =>
  client.get(`${path(name)}/${version}`, versionSchema);
const getFiles = ({ client }: CliContext, name: string, version: number): Promise<VersionFiles> =>
  client.get(`${path(name)}/${version}/files`, versionFilesSchema);

async function viewVersion(context: CliContext, name: string, version: number): Promise<void> {
  const { terminal } = context;
  const item = await getVersion(context, name, version);
  if (terminal.isJson) {
    terminal.json(item);
    return;
  }
  const { env, ...config } = item.config;
  terminal.fields({
    function: name,
    version: String(item.version),
    aliases: item.aliases.length === 0 ? 'none' : item.aliases.join(', '),
    created: `${item.createdAt} (${ago(item.createdAt)}) by ${item.createdBy}`,
    message: item.message === '' ? undefined : item.message,
    size: `${bytesText(item.sizeBytes)}, ${item.fileCount} files`,
    digest: item.digest,
    env: Object.keys(env).length === 0 ? undefined : Object.keys(env).join(', '),
    ...Object.fromEntries(Object.entries(config).map(([key, value]) => [key, shortText(value)])),
  });
}

/** What is not set is left out. */
function shortText(value: unknown): string | undefined {
  if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

async function diff(context: CliContext, name: string, [from, to]: readonly [number, number]): Promise<void> {
  const { terminal } = context;
  const [a, b] = await Promise.all([getVersion(context, name, from), getVersion(context, name, to)]);
  const [before, after] = (await Promise.all([getFiles(context, name, from), getFiles(context, name, to)])).map(
    splitFiles,
  ) as [ReturnType<typeof splitFiles>, ReturnType<typeof splitFiles>];
  const fields = changedFields(a.config, b.config);
  const files = [...changedFiles(before.texts, after.texts)].toSorted();
  const notCompared = [...new Set([...before.opaque, ...after.opaque])].toSorted();
  if (terminal.isJson) {
    terminal.json({ from, to, isSameCode: a.digest === b.digest, fields, files, notCompared });
    return;
  }
  for (const { key, before: old, after: now } of fields)
    terminal.print(`${key}: ${terminal.style('red', printable(old))} -> ${terminal.style('green', printable(now))}`);
  for (const file of files) printFile(context, file, diffLines(before.texts[file] ?? '', after.texts[file] ?? ''));
  if (a.digest !== b.digest)
    for (const file of notCompared) terminal.say(`not compared, since it is binary or large: ${printable(file)}`);
  if (fields.length === 0 && a.digest === b.digest) terminal.say(`Versions ${from} and ${to} are the same`);
}

const signs = { same: ' ', added: '+', removed: '-' } as const;
const styles = { same: 'dim', added: 'green', removed: 'red' } as const;
const around = 3;

/** The changed lines with three around them. */
function printFile({ terminal }: CliContext, file: string, lines: readonly LineChange[]): void {
  terminal.print(terminal.style('bold', printable(file)));
  let last = -1;
  lines.forEach((line, index) => {
    const near = lines.slice(Math.max(0, index - around), index + around + 1);
    if (near.every(({ kind }) => kind === 'same')) return;
    if (index > last + 1) terminal.print(terminal.style('dim', '  ...'));
    last = index;
    terminal.print(terminal.style(styles[line.kind], `${signs[line.kind]} ${printable(line.text)}`));
  });
}
