import type { Command } from 'commander';
import { type Schedule, schedulePageSchema, scheduleSchema } from '../../shared/api/functions.ts';
import { acceptedSchema } from '../../shared/api/invocations.ts';
import type { ContextFactory } from '../context.ts';
import { allPages } from '../pages.ts';
import { ago } from '../terminal.ts';

/** When it runs next; of one that is paused, when it would. */
const nextText = ({ enabled, nextTicks, wouldRunAt }: Schedule): string =>
  enabled ? (nextTicks[0] ?? '-') : `paused${wouldRunAt === null ? '' : ` (would run ${wouldRunAt})`}`;

const schedulePath = (id: string): string => `/api/v1/schedules/${encodeURIComponent(id)}`;

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
        nextText(item),
      ]);
    });
  schedules
    .command('run')
    .description('run a schedule once, now; prints the id of the invocation')
    .argument('<id>')
    .action(async (id: string) => {
      const { client, terminal } = context();
      const accepted = await client.send('POST', `${schedulePath(id)}/run`, acceptedSchema, { json: {} });
      terminal.result(accepted, accepted.id);
    });
  const setEnabled = async (ids: readonly string[], enabled: boolean) => {
    const { client, terminal } = context();
    const done: Schedule[] = [];
    for (const id of ids) {
      const item = await client.send('PATCH', schedulePath(id), scheduleSchema, { json: { enabled } });
      done.push(item);
      terminal.say(`${item.functionName} ${item.name}: ${enabled ? `next run ${nextText(item)}` : nextText(item)}`);
    }
    if (terminal.isJson) terminal.json(done);
  };
  schedules
    .command('pause')
    .description('run schedules no more until they are resumed; what is missed is not made up for')
    .argument('<id...>')
    .action(async (ids: readonly string[]) => await setEnabled(ids, false));
  schedules
    .command('resume')
    .description('run paused schedules again, from their next tick on')
    .argument('<id...>')
    .action(async (ids: readonly string[]) => await setEnabled(ids, true));
}
