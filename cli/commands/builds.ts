import type { Command } from 'commander';
import {
  type BuildDocument,
  type BuildLine,
  buildLogSchema,
  buildPageSchema,
  buildSchema,
} from '../../shared/api/builds.ts';
import { isOver } from '../../shared/build-states.ts';
import { buildPath } from '../api-paths.ts';
import { durationText, followBuild, stepWords } from '../build-progress.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { allPages } from '../pages.ts';
import { ago, firstLine, printable, type Terminal } from '../terminal.ts';

export function registerBuilds(program: Command, context: ContextFactory): void {
  const builds = program
    .command('build')
    .aliases(['builds', 'deployment', 'deployments'])
    .description('deployments: how versions came about, or did not');
  builds
    .command('list')
    .description('newest first; those that failed or were cancelled too')
    .argument('[function]', 'of this name, also when its first build failed; all when left out')
    .action(async (name: string | undefined) => await listBuilds(context(), name));
  builds
    .command('view')
    .alias('show')
    .description('one build: who, from where, its steps, what came of it')
    .argument('<build>')
    .action(async (id: string) => await viewBuild(context(), id));
  builds
    .command('log')
    .alias('logs')
    .description('what a build printed')
    .argument('<build>')
    .option('-f, --follow', 'stay until it is over')
    .action(async (id: string, options: { readonly follow?: boolean }) => await printLog(context(), id, options));
  builds
    .command('cancel')
    .description('end a build that waits or runs; nothing of it stays')
    .argument('<build>')
    .action(async (id: string) => {
      const { client, terminal } = context();
      await client.request(buildPath(id), { method: 'DELETE' });
      terminal.answer({ cancelled: id }, `Cancelled ${id}`);
    });
}

async function listBuilds({ client, terminal }: CliContext, name: string | undefined): Promise<void> {
  const query = name === undefined ? {} : { function: name };
  const items = await allPages((cursor) =>
    client.get('/api/v1/builds', buildPageSchema, { ...query, limit: 200, cursor }),
  );
  terminal.list(items, ['build', 'function', 'state', 'version', 'begun', 'took', 'by', 'message'], (item) => [
    item.id,
    item.functionName,
    item.state,
    item.version === null ? '-' : String(item.version),
    ago(item.createdAt),
    durationText(item.createdAt, item.finishedAt),
    `${item.createdBy} (${item.source})`,
    firstLine(item.error?.message ?? item.message),
  ]);
}

async function viewBuild({ client, terminal }: CliContext, id: string): Promise<void> {
  const build = await client.get(buildPath(id), buildSchema);
  if (terminal.isJson) terminal.json(build);
  else showBuild(terminal, build);
}

function showBuild(terminal: Terminal, build: BuildDocument): void {
  const steps = build.steps.map(
    (step) =>
      `${stepWords[step.name]} ${durationText(step.startedAt, step.finishedAt)}${step.finishedAt === null ? ' …' : ''}`,
  );
  terminal.fields({
    build: build.id,
    function: build.functionName,
    state: build.state,
    version: build.version === null ? undefined : String(build.version),
    begun: `${build.createdAt} (${ago(build.createdAt)}) by ${build.createdBy}, ${build.source}`,
    took: durationText(build.createdAt, build.finishedAt),
    message: build.message === '' ? undefined : build.message,
    steps: steps.length === 0 ? undefined : steps.join(', '),
    error: build.error === null ? undefined : `${build.error.code}: ${build.error.message}`,
  });
}

async function printLog(context: CliContext, id: string, options: { readonly follow?: boolean }): Promise<void> {
  const { client, terminal } = context;
  const print = (line: BuildLine): void => {
    const step = (line.step ?? '').padEnd('compile-ahead'.length);
    terminal.print(terminal.isJson ? JSON.stringify(line) : `${terminal.style('dim', step)}  ${printable(line.text)}`);
  };
  if (options.follow === true) {
    const { state } = await followBuild(context, id, { build: () => undefined, line: print });
    terminal.say(`The build is ${state}`);
    return;
  }
  const { build, lines } = await client.get(`${buildPath(id)}/log`, buildLogSchema);
  for (const line of lines) print(line);
  terminal.say(
    isOver(build.state)
      ? `The build is ${build.state}`
      : `The build is ${build.state}; --follow stays until it is over`,
  );
}
