import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type BuildDocument, buildSchema } from '../../shared/api/builds.ts';
import {
  aliasSchema,
  type Deployed,
  type FunctionDocument,
  functionSchema,
  versionSchema,
} from '../../shared/api/functions.ts';
import type { Manifest } from '../../shared/manifest.ts';
import { buildPath, functionPath } from '../api-paths.ts';
import { buildError, followBuild, StepPrinter } from '../build-progress.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { readSourceFolder, type SourceFolder, uploadForm, versionPart, warnOfSecrets } from '../source-folder.ts';
import { bytesText, printable, type Terminal } from '../terminal.ts';
import { withPullProgress } from './pull-progress.ts';

interface Options {
  readonly name?: string;
  readonly message?: string;
  readonly promote: boolean;
  /** Percent. */
  readonly canary?: number;
  readonly maxP95Ratio?: number;
  readonly isolation?: string;
  readonly env: readonly string[];
  readonly dryRun?: boolean;
  readonly wait: boolean;
  readonly verbose?: boolean;
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
    .option(
      '--canary <percent>',
      'send this share of the traffic to the new version; taken back when it fails more',
      percentOf,
    )
    .option(
      '--max-p95-ratio <times>',
      'with --canary: taken back also when its p95 is more than so many times that of the version before, such as 1.5',
      ratioOf,
    )
    .option('--isolation <level>', 'another isolation level than the one in hearth.json')
    .option('-e, --env <KEY=value>', 'an environment variable; may be repeated', collect, [])
    .option('--dry-run', 'list what would be uploaded and what not, with sizes, and stop')
    .option('--no-wait', 'do not wait until it is built; `hearth builds view` says how it goes')
    .option('--verbose', 'say every line of the build, and not only those of a step that fails')
    .action(
      async (directory: string, _options: Options, command: Command) =>
        await deploy(context(), directory, command.optsWithGlobals<Options>()),
    );
}

async function deploy(context: CliContext, directory: string, options: Options): Promise<void> {
  const { terminal } = context;
  refuseCanaryUnseen(options);
  const step = stopwatch(terminal);
  const source = await readSourceFolder(resolve(context.directory, directory));
  const manifest = withOptions(source.manifest, options);
  warnOfSecrets(source, terminal);
  if (options.dryRun === true) {
    dryRun(context, source, manifest);
    return;
  }
  if (!isOfImage(manifest)) step(`Packed ${sizeText(source)}${leftOutText(source)}`);
  const present = await find(context, manifest.name);
  const stable = options.canary === undefined ? undefined : stableOf(manifest.name, present, options);
  step(`${present === undefined ? 'Creating' : 'Updating'} ${manifest.name} ...`);
  const build = await begin(context, source, manifest, present === undefined);
  if (!options.wait) {
    if (present !== undefined) await describe(context, manifest);
    step('Uploaded');
    if (!terminal.isJson) terminal.say(`It is built now: hearth builds log ${build.id} --follow`);
    terminal.result(build, build.id);
    return;
  }
  const printer = terminal.isJson ? undefined : new StepPrinter({ terminal, isVerbose: options.verbose === true });
  const deployed = await built(context, build, manifest, printer);
  if (present !== undefined) await describe(context, manifest);
  step('Uploaded, built and kept');
  const { version } = deployed;
  let traffic = version.aliases.includes('live') ? 'live' : 'not live';
  if (options.canary !== undefined && stable !== undefined) {
    const { message } = manifest;
    await moveTraffic(context, manifest.name, {
      canary: version.version,
      stable,
      percent: options.canary,
      message,
      maxP95Ratio: options.maxP95Ratio,
    });
    const slower = options.maxP95Ratio === undefined ? '' : ' or is slower';
    traffic = `with ${options.canary} % of the traffic; version ${stable} takes it back when this one fails more${slower}`;
    step('Moved traffic');
  }
  step.total(`${terminal.style('green', 'Deployed')} ${manifest.name} version ${version.version}, ${traffic}`);
  terminal.result(deployed, deployed.url);
}

/** Uploads a folder as a new function or version, and waits for it. */
export async function sendFolder(
  context: CliContext,
  source: SourceFolder,
  manifest: Manifest,
  isNew: boolean,
): Promise<Deployed> {
  const deployed = await built(context, await begin(context, source, manifest, isNew), manifest, undefined);
  if (!isNew) await describe(context, manifest);
  return deployed;
}

async function begin(
  context: CliContext,
  source: SourceFolder,
  manifest: Manifest,
  isNew: boolean,
): Promise<BuildDocument> {
  const { client, signal } = context;
  const config = isNew ? manifest : versionPart(manifest);
  const path = isNew ? '/api/v1/functions' : `${functionPath(manifest.name)}/versions`;
  const content = isOfImage(manifest) ? { json: config } : { body: uploadForm(source, config) };
  const headers = { prefer: 'respond-async' };
  return await client.send('POST', path, buildSchema, { ...content, headers, signal });
}

/** What belongs to the function as a whole is sent by itself where the function is there. */
export async function describe({ client }: CliContext, { name, description, tags }: Manifest): Promise<void> {
  if (description === undefined && tags === undefined) return;
  const json = { ...(description === undefined ? {} : { description }), ...(tags === undefined ? {} : { tags }) };
  await client.send('PATCH', functionPath(name), functionSchema, { json });
}

/** Follows a build to what it makes. Ctrl-C cancels it. */
async function built(
  context: CliContext,
  { id }: BuildDocument,
  manifest: Manifest,
  printer: StepPrinter | undefined,
): Promise<Deployed> {
  const { client, signal } = context;
  const buildLog: string[] = [];
  const following = followBuild(context, id, {
    build: (build) => printer?.build(build),
    line: (line) => {
      buildLog.push(line.text);
      printer?.line(line);
    },
  });
  try {
    const over = isOfImage(manifest) ? await withPullProgress(context, following) : await following;
    if (over.version === null) throw buildError(over, buildLog, printer !== undefined);
    const path = functionPath(manifest.name);
    const version = await client.get(`${path}/versions/${over.version}`, versionSchema);
    const made = await client.get(path, functionSchema);
    return { function: made, version, buildLog, url: made.url };
  } catch (error) {
    if (signal.aborted) await cancel(context, id);
    throw error;
  }
}

async function cancel({ client, terminal }: CliContext, id: string): Promise<void> {
  try {
    await client.request(buildPath(id), { method: 'DELETE' });
    terminal.say('Cancelled; nothing was deployed');
  } catch (error) {
    const isLate = error instanceof CliError && error.problem?.code === 'build_over';
    terminal.say(
      isLate ? 'It was built already; see hearth builds view' : `The build ${id} may go on: ${String(error)}`,
    );
  }
}

const isOfImage = ({ image }: Manifest): boolean => image !== undefined && image !== null;

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
    terminal.say(terminal.style('dim', `left out: ${printable(path)} (${by === 'default' ? 'by default' : by})`));
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
    ...(options.promote && options.canary === undefined ? {} : { promote: false }),
  };
}

async function find({ client }: CliContext, name: string): Promise<FunctionDocument | undefined> {
  try {
    return await client.get(functionPath(name), functionSchema);
  } catch (error) {
    if (error instanceof CliError && error.problem?.code === 'function_not_found') return undefined;
    throw error;
  }
}

function percentOf(text: string): number {
  const percent = /^\d{1,2}(?:\.\d+)?$/.test(text) ? Number(text) : 0;
  if (percent > 0) return percent;
  throw new CliError(exitCodes.usage, `--canary ${text}: write a share of the traffic, more than 0 and below 100`);
}

function ratioOf(text: string): number {
  const times = /^\d{1,4}(?:\.\d+)?$/.test(text) ? Number(text) : 0;
  if (times >= 1 && times <= 1000) return times;
  throw new CliError(exitCodes.usage, `--max-p95-ratio ${text}: write how many times as slow it may be, 1 to 1000`);
}

function refuseCanaryUnseen({ wait, canary, maxP95Ratio }: Options): void {
  if (maxP95Ratio !== undefined && canary === undefined)
    throw new CliError(exitCodes.usage, '--max-p95-ratio belongs to --canary', { hint: 'For example: --canary 10' });
  if (wait || canary === undefined) return;
  throw new CliError(
    exitCodes.usage,
    '--canary and --no-wait are both given; traffic moves when the version is built',
    {
      hint: 'Leave one out, or move the traffic later with `hearth alias set`.',
    },
  );
}

/** The version that keeps the rest of the traffic: asked for before anything is uploaded. */
function stableOf(name: string, present: FunctionDocument | undefined, { promote }: Options): number {
  if (!promote) throw new CliError(exitCodes.usage, '--canary and --no-promote are both given; leave one out');
  if (present?.liveVersion != null) return present.liveVersion;
  throw new CliError(exitCodes.usage, `nothing of ${name} is live yet, which a canary would be beside`, {
    hint: 'Deploy it without --canary.',
  });
}

interface Canary {
  readonly canary: number;
  readonly stable: number;
  readonly percent: number;
  readonly message: string | undefined;
  readonly maxP95Ratio: number | undefined;
}

async function moveTraffic(
  { client }: CliContext,
  name: string,
  { canary, stable, percent, message, maxP95Ratio }: Canary,
): Promise<void> {
  const versions = [
    { version: stable, weight: 100 - percent },
    { version: canary, weight: percent },
  ];
  await client.send('PUT', `${functionPath(name)}/aliases/live`, aliasSchema, {
    json: {
      versions,
      canary: { stable, ...(maxP95Ratio === undefined ? {} : { maxP95Ratio }) },
      ...(message === undefined ? {} : { message }),
    },
  });
}
