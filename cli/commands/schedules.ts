import type { Command } from 'commander';
import { schedulePageSchema } from '../../shared/api/functions.ts';
import { acceptedSchema } from '../../shared/api/invocations.ts';
import type { ContextFactory } from '../context.ts';
import { allPages } from '../pages.ts';
import { ago } from '../terminal.ts';

export function registerSchedules(program: Command, context: ContextFactory): void {
  const schedules = program
    .command('schedule')
    .alias('schedules')
    .description('schedules; they are changed with the hearth.json of their function');
  schedules
    .command('list')
    .description('schedules with their next run')
    .option('--function <name>', 'only of this function')
    .action(async (options: { readonly function?: string }) => {
      const { client, terminal } = context();
      const items = await allPages((cursor) =>
        client.get('/api/v1/schedules', schedulePageSchema, { ...options, limit: 200, cursor }),
      );
      terminal.list(items, ['id', 'function', 'name', 'cron', 'time zone', 'last', 'next'], (item) => [
        item.id,
        item.functionName,
        item.name,
        item.cron,
        item.timeZone,
        item.lastTickAt === null ? 'never' : ago(item.lastTickAt),
        item.enabled ? (item.nextTicks[0] ?? '-') : 'off',
      ]);
    });
  schedules
    .command('run')
    .description('run a schedule once, now; prints the id of the invocation')
    .argument('<id>')
    .action(async (id: string) => {
      const { client, terminal } = context();
      const path = `/api/v1/schedules/${encodeURIComponent(id)}/run`;
      const accepted = await client.send('POST', path, acceptedSchema, { json: {} });
      terminal.result(accepted, accepted.id);
    });
}
