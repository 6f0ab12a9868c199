import type { Command } from 'commander';
import { alertDeliveriesSchema, alertMetrics, alertRuleSchema } from '../../shared/api/alerts.ts';
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
    .description(
      'rules that tell somebody, of the project; of the installation for who owns all projects and names none',
    );
  alerts
    .command('list')
    .description('rules with their state')
    .action(async () => {
      const { client, terminal } = context();
      const items = await allPages((cursor) => client.get('/api/v1/alerts', alertPageSchema, { limit: 200, cursor }));
      terminal.list(items, ['id', 'project', 'name', 'state', 'since', 'rule', 'value'], (item) => [
        item.id,
        item.project ?? '-',
        item.name,
        item.isEnabled ? item.state : 'off',
        item.since === null ? '-' : ago(item.since),
        `${item.metric} ${item.comparison} ${item.threshold}${item.functionName === null ? '' : ` of ${item.functionName}`}`,
        item.value === null ? '-' : String(item.value),
      ]);
    });
  alerts
    .command('create')
    .description(
      'a rule, for example: hearth alert create "orders fail" --metric errorRate --above 0.05 --function orders',
    )
    .argument('<name>', 'what people read who are told')
    .requiredOption('--metric <name>', alertMetrics.join(', '))
    .option('--above <number>', 'fires when the metric is; shares are 0 to 1, times ms, sizes bytes')
    .option('--below <number>', 'fires when the metric is')
    .option('--function <name>', 'all functions together when left out')
    .option('--window <duration>', 'what is looked at', '5m')
    .option('--for <duration>', 'so long it must hold before anybody is told', '0s')
    .option('--webhook <url>', 'is told; repeat for more', collected, [])
    .option('--email <address>', 'is told; repeat for more', collected, [])
    .action(async (name: string, options: CreateOptions) => {
      const { client, terminal } = context();
      const rule = await client.send('POST', '/api/v1/alerts', alertRuleSchema, { json: inputOf(name, options) });
      terminal.answer(rule, `${rule.id}: ${rule.name} is looked at every ten seconds`);
    });
  alerts
    .command('delete')
    .description('delete a rule; nobody is told any more')
    .argument('<id>')
    .action(async (id: string) => {
      const { client, terminal } = context();
      await client.request(path(id), { method: 'DELETE' });
      terminal.answer({ deleted: id }, `Deleted ${id}`);
    });
  alerts
    .command('silence')
    .description('tell nobody for some time; 0s ends a silence')
    .argument('<id>')
    .argument('<duration>', 'such as 30m, 2h or 1d')
    .action(async (id: string, duration: string) => {
      const { client, terminal } = context();
      const durationMs = millisecondsOf(duration);
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

interface CreateOptions {
  readonly metric: string;
  readonly above?: string;
  readonly below?: string;
  readonly function?: string;
  readonly window: string;
  readonly for: string;
  readonly webhook: readonly string[];
  readonly email: readonly string[];
}

const collected = (value: string, before: readonly string[]): readonly string[] => [...before, value];

function millisecondsOf(text: string): number {
  const durationMs = durationOf(text);
  if (durationMs !== undefined) return durationMs;
  throw new CliError(exitCodes.usage, `${text} is not a duration`, { hint: 'Write 30m, 2h or 1d.' });
}

function inputOf(name: string, options: CreateOptions) {
  const { above, below, webhook, email } = options;
  const limit = above ?? below;
  const threshold = Number(limit);
  if (
    limit === undefined ||
    (above !== undefined && below !== undefined) ||
    limit.trim() === '' ||
    Number.isNaN(threshold)
  )
    throw new CliError(exitCodes.usage, 'say a number as the limit', { hint: 'Give either --above or --below.' });
  return {
    name,
    metric: options.metric,
    functionName: options.function ?? null,
    comparison: above === undefined ? 'below' : 'above',
    threshold,
    windowMs: millisecondsOf(options.window),
    forMs: millisecondsOf(options.for),
    channels: [...webhook.map((url) => ({ kind: 'webhook', url })), ...email.map((to) => ({ kind: 'email', to }))],
  };
}
