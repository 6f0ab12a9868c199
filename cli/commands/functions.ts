import type { Command } from 'commander';
import {
  type FunctionDocument,
  functionPageSchema,
  functionSchema,
  type VersionDocument,
  versionPageSchema,
} from '../../shared/api/functions.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { allPages as all } from '../pages.ts';
import { confirm } from '../prompts.ts';
import { ago } from '../terminal.ts';

const path = (name: string): string => `/api/v1/functions/${encodeURIComponent(name)}`;

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
      terminal.json(await client.get(path(name), functionSchema));
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
    .command('version')
    .description('versions')
    .command('list')
    .description('versions of a function, newest first')
    .argument('<function>')
    .action(async (name: string) => await listVersions(context(), name));
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
    changed.push(await client.send('PATCH', path(name), functionSchema, { json: { enabled } }));
    terminal.say(`${name} is ${enabled ? 'enabled' : 'disabled'}`);
  }
  if (terminal.isJson) terminal.json(changed);
}

async function listVersions(context: CliContext, name: string): Promise<void> {
  const items = await versionsOf(context, name);
  context.terminal.list(items, ['version', 'aliases', 'created', 'by', 'size', 'message'], (item) => [
    String(item.version),
    item.aliases.join(', '),
    ago(item.createdAt),
    item.createdBy,
    `${item.sizeBytes} B`,
    item.message,
  ]);
}

async function versionsOf({ client }: CliContext, name: string): Promise<readonly VersionDocument[]> {
  return await all((cursor) => client.get(`${path(name)}/versions`, versionPageSchema, { limit: 200, cursor }));
}

async function deleteFunction(context: CliContext, name: string, isSure: boolean): Promise<void> {
  const { client, terminal } = context;
  if (!isSure) await confirm(context, name, 'it with all its versions');
  await client.request(path(name), { method: 'DELETE' });
  terminal.answer({ deleted: name }, `Deleted ${name}`);
}
