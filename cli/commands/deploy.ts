import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Deployed, deployedSchema, functionSchema } from '../../shared/api/functions.ts';
import type { Manifest } from '../../shared/manifest.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { readSourceFolder, uploadForm } from '../source-folder.ts';
import { printable } from '../terminal.ts';
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
    .option('--dry-run', 'say what would be uploaded, and stop')
    .action(async (directory: string, options: Options) => await deploy(context(), directory, options));
}

async function deploy(context: CliContext, directory: string, options: Options): Promise<void> {
  const { terminal, client } = context;
  const source = await readSourceFolder(resolve(context.directory, directory));
  const manifest = withOptions(source.manifest, options);
  if (options.dryRun === true) {
    terminal.result(
      { manifest, files: source.fileCount, bytes: source.archive.length },
      `${manifest.name}: ${source.fileCount} files, ${source.archive.length} bytes compressed`,
    );
    return;
  }
  const startedAt = performance.now();
  const isNew = !(await exists(context, manifest.name));
  terminal.say(
    `${isNew ? 'Creating' : 'Updating'} ${manifest.name} (${source.fileCount} files, ${source.archive.length} bytes) ...`,
  );
  const config = isNew ? manifest : versionPart(manifest);
  const path = isNew ? '/api/v1/functions' : `/api/v1/functions/${manifest.name}/versions`;
  const isImage = manifest.image !== undefined && manifest.image !== null;
  const content = isImage ? { json: config } : { body: uploadForm(source, config) };
  const sent = client.send('POST', path, deployedSchema, { ...content, signal: context.signal });
  const deployed = isImage ? await withPullProgress(context, sent) : await sent;
  if (!isNew && (manifest.description !== undefined || manifest.tags !== undefined)) {
    const change = {
      ...(manifest.description === undefined ? {} : { description: manifest.description }),
      ...(manifest.tags === undefined ? {} : { tags: manifest.tags }),
    };
    await client.send('PATCH', `/api/v1/functions/${manifest.name}`, functionSchema, { json: change });
  }
  report(context, deployed, Math.round(performance.now() - startedAt));
}

function report({ terminal }: CliContext, deployed: Deployed, tookMs: number): void {
  if (terminal.isJson) {
    terminal.json(deployed);
    return;
  }
  for (const line of deployed.buildLog) terminal.say(terminal.style('dim', `  | ${printable(line)}`));
  const isLive = deployed.version.aliases.includes('live');
  terminal.say(
    `${terminal.style('green', 'Deployed')} ${deployed.function.name} version ${deployed.version.version}${isLive ? ', live' : ', not live'} in ${tookMs} ms`,
  );
  terminal.print(deployed.url);
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
