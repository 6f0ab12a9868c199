import type { Command } from 'commander';
import { type ErrorGroupState, errorGroupPageSchema, errorGroupSchema } from '../../shared/api/error-groups.ts';
import type { ContextFactory } from '../context.ts';
import { ago, firstLine, printable } from '../terminal.ts';

interface ListOptions {
  readonly function?: string;
  readonly state?: string;
  readonly limit: string;
}

const path = (id: string): string => `/api/v1/errors/${encodeURIComponent(id)}`;
const moves: readonly (readonly [command: string, state: ErrorGroupState, description: string])[] = [
  ['resolve', 'resolved', 'it is mended; the next failure opens it again'],
  ['ignore', 'ignored', 'say nothing of it any more'],
  ['reopen', 'open', 'take it up again'],
];

export function registerErrorGroups(program: Command, context: ContextFactory): void {
  const groups = program.command('error').alias('errors').description('failures that look the same, as groups');
  groups
    .command('list')
    .description('groups, the newest failure first')
    .option('--function <name>', 'only of this function')
    .option('--state <state>', 'only open, resolved or ignored ones')
    .option('-n, --limit <count>', 'how many, at most 200', '50')
    .action(async (options: ListOptions) => {
      const { client, terminal } = context();
      const { items } = await client.get('/api/v1/errors', errorGroupPageSchema, { ...options });
      terminal.list(items, ['id', 'function', 'count', 'last', 'state', 'error'], (item) => [
        item.id,
        item.functionName,
        String(item.count),
        ago(item.lastSeenAt),
        item.state,
        `${item.type}: ${firstLine(item.message)}`,
      ]);
    });
  groups
    .command('show')
    .description('one group with the stack of its newest failure')
    .argument('<id>')
    .action(async (id: string) => {
      const { client, terminal } = context();
      const group = await client.get(path(id), errorGroupSchema);
      if (terminal.isJson) {
        terminal.json(group);
        return;
      }
      terminal.print(printable(group.stack === '' ? `${group.type}: ${group.message}` : group.stack));
      terminal.say(
        `${group.functionName}: ${group.count} times since ${group.firstSeenAt}, last ${ago(group.lastSeenAt)} (${group.lastInvocationId}), ${group.state}`,
      );
    });
  for (const [command, state, description] of moves) {
    groups
      .command(command)
      .description(description)
      .argument('<id>')
      .action(async (id: string) => {
        const { client, terminal } = context();
        const group = await client.send('PATCH', path(id), errorGroupSchema, { json: { state } });
        terminal.answer(group, `${group.id} is ${group.state}`);
      });
  }
}
