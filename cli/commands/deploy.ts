import { resolve } from 'node:path';
import type { Command } from 'commander';
import { deployedSchema, functionSchema } from '../../shared/api/functions.ts';
import type { Manifest } from '../../shared/manifest.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { readSourceFolder, type SourceFolder, uploadForm, warnOfSecrets } from '../source-folder.ts';
import { bytesText, printable, type Terminal } from '../terminal.ts';
import { withPullProgress } from './pull-progress.ts';

interface Options {
  readonly name?: string;
  readonly message?: string;
  readonly promote: boolean;
  readonly isolation?: string;
  readonly env: readonly string[];
  readonly dryRun?: boolean;
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

export function registerDeploy(program: Command, context: ContextFactory): void {
  program
    .command('deploy')
    .description('upload a folder with a hearth.json as a new function or version')
    .argument('[directory]', 'the folder', '.')
    .option('-n, --name <name>', 'another name than the one in hearth.json')
    .option('-m, --message <text>', 'why this version exists')
    .option('--no-promote', 'do not move the alias `live` to the new version')
    .option('--isolation <level>', 'another isolation level than the one in hearth.json')
    .option('-e, --env <KEY=value>', 'an environment variable; may be repeated', collect, [])
    .option('--dry-run', 'list what would be uploaded and what not, with sizes, and stop')
    .action(async (directory: string, options: Options) => await deploy(context(), directory, options));
}

async function deploy(context: CliContext, directory: string, options: Options): Promise<void> {
  const { terminal, client } = context;
  const step = stopwatch(terminal);
  const source = await readSourceFolder(resolve(context.directory, directory));
  const manifest = withOptions(source.manifest, options);
  warnOfSecrets(source, terminal);
  if (options.dryRun === true) {
    dryRun(context, source, manifest);
    return;
  }
  const isImage = manifest.image !== undefined && manifest.image !== null;
  if (!isImage) step(`Packed ${sizeText(source)}${leftOutText(source)}`);
  const isNew = !(await exists(context, manifest.name));
  step(`${isNew ? 'Creating' : 'Updating'} ${manifest.name} ${isImage ? 'from an image' : 'from these'} ...`);
  const config = isNew ? manifest : versionPart(manifest);
  const path = isNew ? '/api/v1/functions' : `/api/v1/functions/${manifest.name}/versions`;
  const content = isImage ? { json: config } : { body: uploadForm(source, config) };
  const sent = client.send('POST', path, deployedSchema, { ...content, signal: context.signal });
  const deployed = isImage ? await withPullProgress(context, sent) : await sent;
  for (const line of terminal.isJson ? [] : deployed.buildLog)
    terminal.say(terminal.style('dim', `  | ${printable(line)}`));
  step('Uploaded, built and kept');
  if (!isNew && (manifest.description !== undefined || manifest.tags !== undefined)) {
    const change = {
      ...(manifest.description === undefined ? {} : { description: manifest.description }),
      ...(manifest.tags === undefined ? {} : { tags: manifest.tags }),
    };
    await client.send('PATCH', `/api/v1/functions/${manifest.name}`, functionSchema, { json: change });
    step('Described');
  }
  const { version } = deployed;
  const traffic = version.aliases.includes('live') ? 'live' : 'not live';
  step.total(`${terminal.style('green', 'Deployed')} ${manifest.name} version ${version.version}, ${traffic}`);
  terminal.result(deployed, deployed.url);
}

/** Says each step with the time that it took, and at last the time of all. */
function stopwatch(terminal: Terminal): { (text: string): void; total: (text: string) => void } {
  const startedAt = performance.now();
  let before = startedAt;
  const say = (text: string, since: number): void => {
    before = performance.now();
    if (!terminal.isJson) terminal.say(`${text}${terminal.style('dim', ` (${Math.round(before - since)} ms)`)}`);
  };
  return Object.assign((text: string) => say(text, before), { total: (text: string) => say(text, startedAt) });
}

const sizeText = ({ files, archive }: SourceFolder): string =>
  `${files.length} ${files.length === 1 ? 'file' : 'files'}, ${bytesText(archive.length)} compressed`;

/** What a file of rules left out; what is always left out surprises nobody. */
function leftOutText({ leftOut }: SourceFolder): string {
  const byRules = leftOut.filter(({ by }) => by !== 'default');
  if (byRules.length === 0) return '';
  const names = byRules.slice(0, 3).map(({ path }) => printable(path));
  return `, without ${names.join(', ')}${byRules.length > 3 ? ` and ${byRules.length - 3} more` : ''} (${[...new Set(byRules.map(({ by }) => by))].join(', ')})`;
}

function dryRun({ terminal }: CliContext, source: SourceFolder, manifest: Manifest): void {
  const { files, leftOut, archive } = source;
  if (terminal.isJson) {
    terminal.json({ manifest, files, bytes: archive.length, leftOut });
    return;
  }
  terminal.table(
    ['file', 'size'],
    files.map(({ path, sizeBytes }) => [path, bytesText(sizeBytes)]),
  );
  for (const { path, by } of leftOut)
    terminal.say(terminal.style('dim', `left out: ${printable(path)} (${by === 'default' ? 'always' : by})`));
  terminal.say(`${manifest.name}: ${sizeText(source)}; nothing was uploaded`);
}

function withOptions(manifest: Manifest, options: Options): Manifest {
  const env: Record<string, string> = { ...manifest.env };
  for (const pair of options.env) {
    const at = pair.indexOf('=');
    if (at < 1) throw new CliError(exitCodes.usage, `--env ${pair}: write KEY=value`);
    env[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return {
    ...manifest,
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.message === undefined ? {} : { message: options.message }),
    ...(options.isolation === undefined ? {} : { isolation: options.isolation as NonNullable<Manifest['isolation']> }),
    ...(Object.keys(env).length === 0 ? {} : { env }),
    ...(options.promote ? {} : { promote: false }),
  };
}

/** What belongs to the function as a whole is not part of a version. */
function versionPart(manifest: Manifest): Partial<Manifest> {
  const { name: _name, description: _description, tags: _tags, ...version } = manifest;
  return version;
}

async function exists({ client }: CliContext, name: string): Promise<boolean> {
  try {
    await client.get(`/api/v1/functions/${encodeURIComponent(name)}`, functionSchema);
    return true;
  } catch (error) {
    if (error instanceof CliError && error.problem?.code === 'function_not_found') return false;
    throw error;
  }
}
