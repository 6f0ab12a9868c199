import type { Command } from 'commander';
import { acceptedSchema, invocationDetailSchema, invocationPageSchema } from '../../shared/api/invocations.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { ago } from '../terminal.ts';

const path = (id: string): string => `/api/v1/invocations/${encodeURIComponent(id)}`;

interface ListOptions {
  readonly function?: string;
  readonly status?: string;
  readonly trigger?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit: string;
}

export function registerInvocations(program: Command, context: ContextFactory): void {
  const invocations = program.command('invocation').alias('invocations').description('invocations');
  invocations
    .command('list')
    .description('the newest invocations')
    .option('--function <name>', 'only of this function')
    .option('--status <status>', 'only with this status')
    .option('--trigger <trigger>', 'only with this trigger: http, api, async, schedule …')
    .option('--from <time>', 'not before this time, for example 2026-05-01T12:00:00Z')
    .option('--to <time>', 'before this time')
    .option('-n, --limit <count>', 'how many', '20')
    .action(async (options: ListOptions) => await list(context(), options));
  invocations
    .command('show')
    .description('one invocation with result, timing and logs')
    .argument('<id>')
    .action(async (id: string) => {
      const { client, terminal } = context();
      terminal.json(await client.get(path(id), invocationDetailSchema));
    });
  invocations
    .command('replay')
    .description('run the payload that was kept once more, asynchronously; prints the id of the new invocation')
    .argument('<id...>')
    .action(async (ids: readonly string[]) => {
      const { client, terminal } = context();
      for (const id of ids) {
        const accepted = await client.send('POST', `${path(id)}/replay`, acceptedSchema, { json: {} });
        terminal.result(accepted, accepted.id);
      }
    });
  invocations
    .command('cancel')
    .description('end an invocation that waits or runs')
    .argument('<id>')
    .action(async (id: string) => {
      const { client, terminal } = context();
      await client.request(path(id), { method: 'DELETE' });
      terminal.answer({ cancelled: id }, `Cancelled ${id}`);
    });
}

async function list({ client, terminal }: CliContext, options: ListOptions): Promise<void> {
  const page = await client.get('/api/v1/invocations', invocationPageSchema, {
    function: options.function,
    status: options.status,
    trigger: options.trigger,
    from: options.from,
    to: options.to,
    limit: options.limit,
  });
  terminal.list(page.items, ['id', 'function', 'version', 'trigger', 'status', 'start', 'total', 'when'], (item) => [
    item.id,
    item.functionName,
    String(item.version),
    item.trigger,
    item.status,
    item.start,
    item.timing === null ? '-' : `${item.timing.totalMs.toFixed(1)} ms`,
    ago(item.createdAt),
  ]);
}
