import type { Command } from 'commander';
import {
  type FunctionDocument,
  type FunctionStats,
  functionPageSchema,
  functionSchema,
} from '../../shared/api/functions.ts';
import { functionPath } from '../api-paths.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { allPages as all } from '../pages.ts';
import { confirm } from '../prompts.ts';
import { ago, type Terminal } from '../terminal.ts';

export function registerFunctions(program: Command, context: ContextFactory): void {
  const functions = program.command('function').description('functions');
  functions
    .command('list')
    .description('all functions')
    .action(async () => await listFunctions(context()));
  functions
    .command('show')
    .description('one function')
    .argument('<function>')
    .action(async (name: string) => {
      const { client, terminal } = context();
      const item = await client.get(functionPath(name), functionSchema, { stats: 1 });
      if (terminal.isJson) terminal.json(item);
      else showFunction(terminal, item);
    });
  for (const enabled of [true, false]) {
    functions
      .command(enabled ? 'enable' : 'disable')
      .description(
        enabled
          ? 'answer calls again, and run what waited'
          : 'answer every call with 503, run no schedule, let queued calls wait; nothing is deleted',
      )
      .argument('<function...>')
      .action(async (names: readonly string[]) => await setEnabled(context(), names, enabled));
  }
  program
    .command('delete')
    .description('delete a function with its versions, routes and schedules')
    .argument('<function>')
    .option('-y, --yes', 'do not ask')
    .action(
      async (name: string, options: { readonly yes?: boolean }) =>
        await deleteFunction(context(), name, options.yes === true),
    );
}

function showFunction(terminal: Terminal, item: FunctionDocument): void {
  const { stats, lastDeployment } = item;
  terminal.fields({
    name: item.name,
    description: item.description === '' ? undefined : item.description,
    tags: item.tags.length === 0 ? undefined : item.tags.join(', '),
    url: item.url,
    state: item.enabled ? 'enabled' : 'disabled: every call is answered with 503',
    live: item.liveVersion === null ? 'nothing' : `version ${item.liveVersion}`,
    latest: `version ${item.latestVersion}, ${ago(lastDeployment.at)} by ${lastDeployment.by}`,
    runtime: item.runtime,
    isolation: item.isolation,
    memory: `${item.memoryMb} MiB`,
    routes: item.routes.length === 0 ? undefined : item.routes.map(routeText).join(', '),
    'last hour': stats && callsText(stats),
    created: item.createdAt,
  });
}

const routeText = ({ path: route, methods, alias }: FunctionDocument['routes'][number]): string =>
  `${methods.length === 0 ? '' : `${methods.join('|')} `}${route}${alias === 'live' ? '' : ` (${alias})`}`;

function callsText({ invocations, errors, p50Ms, p95Ms, coldStarts }: FunctionStats): string {
  if (invocations === 0) return 'no calls';
  const times = p50Ms === null || p95Ms === null ? '' : `, median ${p50Ms.toFixed(1)} ms, p95 ${p95Ms.toFixed(1)} ms`;
  return `${invocations} calls, ${errors} failed, ${coldStarts} cold${times}`;
}

async function listFunctions({ client, terminal }: CliContext): Promise<void> {
  const items = await all((cursor) => client.get('/api/v1/functions', functionPageSchema, { limit: 200, cursor }));
  if (terminal.isJson) terminal.json(items);
  else if (items.length === 0)
    terminal.say('No functions yet. Start with: hearth init my-function && hearth deploy my-function');
  else {
    terminal.table(
      ['name', 'runtime', 'isolation', 'live', 'updated', 'url'],
      items.map((item) => [
        item.name,
        item.runtime,
        item.isolation,
        item.enabled ? String(item.liveVersion ?? '-') : 'off',
        ago(item.updatedAt),
        item.url,
      ]),
    );
  }
}

/** One after the other; the first that is refused ends it, and those before it stay as they were made. */
async function setEnabled({ client, terminal }: CliContext, names: readonly string[], enabled: boolean): Promise<void> {
  const changed: FunctionDocument[] = [];
  for (const name of names) {
    changed.push(await client.send('PATCH', functionPath(name), functionSchema, { json: { enabled } }));
    terminal.say(`${name} is ${enabled ? 'enabled' : 'disabled'}`);
  }
  if (terminal.isJson) terminal.json(changed);
}

async function deleteFunction(context: CliContext, name: string, isSure: boolean): Promise<void> {
  const { client, terminal } = context;
  if (!isSure) await confirm(context, name, 'it with all its versions');
  await client.request(functionPath(name), { method: 'DELETE' });
  terminal.answer({ deleted: name }, `Deleted ${name}`);
}
