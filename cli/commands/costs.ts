import type { Command } from 'commander';
import { type Cost, costSchema } from '../../shared/api/cost.ts';
import type { ContextFactory } from '../context.ts';
import { timeOf } from './logs.ts';

type Usage = Cost['total'];

export function registerCosts(program: Command, context: ContextFactory): void {
  program
    .command('costs')
    .description('what functions used, and what the same would cost elsewhere')
    .option('--since <time>', 'from: 2h, 7d, or an RFC 3339 time', '1d')
    .action(async (options: { readonly since: string }) => {
      const { client, terminal } = context();
      const cost = await client.get('/api/v1/metrics/costs', costSchema, { from: timeOf(options.since) });
      if (terminal.isJson) {
        terminal.json(cost);
        return;
      }
      const row = (name: string, usage: Usage): readonly string[] => [
        name,
        String(usage.invocations),
        String(usage.coldStarts),
        usage.cpuSeconds.toFixed(1),
        usage.mbSeconds.toFixed(0),
        usage.elsewhere.total.toFixed(4),
      ];
      terminal.table(
        ['function', 'calls', 'cold starts', 'CPU s', 'MiB s', cost.prices.currency],
        [...cost.items.map((item) => row(item.functionName, item)), row('all', cost.total)],
      );
      terminal.say(`From ${cost.from} to ${cost.to}, at the prices of ${cost.prices.name}`);
    });
}
