import type { Command } from 'commander';
import { alertDeliveriesSchema, alertRuleSchema } from '../../shared/api/alerts.ts';
import { pageOf } from '../../shared/api/paging.ts';
import type { ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { allPages } from '../pages.ts';
import { ago } from '../terminal.ts';
import { durationOf } from './logs.ts';

const path = (id: string): string => `/api/v1/alerts/${encodeURIComponent(id)}`;
const alertPageSchema = pageOf(alertRuleSchema);

export function registerAlerts(program: Command, context: ContextFactory): void {
  const alerts = program
    .command('alert')
    .alias('alerts')
    .description('rules that tell somebody; made in the dashboard');
  alerts
    .command('list')
    .description('rules with their state')
    .action(async () => {
      const { client, terminal } = context();
      const items = await allPages((cursor) => client.get('/api/v1/alerts', alertPageSchema, { limit: 200, cursor }));
      terminal.list(items, ['id', 'name', 'state', 'since', 'rule', 'value'], (item) => [
        item.id,
        item.name,
        item.isEnabled ? item.state : 'off',
        item.since === null ? '-' : ago(item.since),
        `${item.metric} ${item.comparison} ${item.threshold}${item.functionName === null ? '' : ` of ${item.functionName}`}`,
        item.value === null ? '-' : String(item.value),
      ]);
    });
  alerts
    .command('silence')
    .description('tell nobody for some time; 0s ends a silence')
    .argument('<id>')
    .argument('<duration>', 'such as 30m, 2h or 1d')
    .action(async (id: string, duration: string) => {
      const { client, terminal } = context();
      const durationMs = durationOf(duration);
      if (durationMs === undefined)
        throw new CliError(exitCodes.usage, `${duration} is not a duration`, { hint: 'Write 30m, 2h or 1d.' });
      const rule = await client.send('POST', `${path(id)}/silence`, alertRuleSchema, { json: { durationMs } });
      terminal.answer(
        rule,
        rule.silencedUntil === null
          ? `${rule.name} speaks again`
          : `${rule.name} is silent until ${rule.silencedUntil}`,
      );
    });
  alerts
    .command('test')
    .description('send a trial message to every channel of a rule')
    .argument('<id>')
    .action(async (id: string) => {
      const { client, terminal } = context();
      const { items } = await client.send('POST', `${path(id)}/test`, alertDeliveriesSchema, { json: {} });
      terminal.answer(items, `Sent ${items.length}; see how they went with: hearth alert deliveries ${id}`);
    });
  alerts
    .command('deliveries')
    .description('the last hundred messages of a rule')
    .argument('<id>')
    .action(async (id: string) => {
      const { client, terminal } = context();
      const { items } = await client.get(`${path(id)}/deliveries`, alertDeliveriesSchema);
      terminal.list(items, ['when', 'event', 'to', 'state', 'attempts', 'error'], (item) => [
        ago(item.createdAt),
        item.event,
        item.channel.kind === 'webhook' ? item.channel.url : item.channel.to,
        item.state,
        String(item.attempts),
        item.lastError ?? '-',
      ]);
    });
}
