import type { Command } from 'commander';
import { invocationDetailSchema, invocationPageSchema } from '../../shared/api/invocations.ts';
import { systemSchema } from '../../shared/api/system.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { ago } from '../terminal.ts';

export function registerStatus(program: Command, context: ContextFactory): void {
  program
    .command('status')
    .description('the platform: isolation levels, runtimes, warnings')
    .action(async () => await status(context()));
  const invocations = program.command('invocation').description('invocations');
  invocations
    .command('list')
    .description('the newest invocations')
    .option('--function <name>', 'only of this function')
    .option('--status <status>', 'only with this status')
    .option('-n, --limit <count>', 'how many', '20')
    .action(async (options: Readonly<Record<string, string>>) => await listInvocations(context(), options));
  invocations
    .command('show')
    .description('one invocation with result, timing and logs')
    .argument('<id>')
    .action(async (id: string) => {
      const { client, terminal } = context();
      terminal.json(await client.get(`/api/v1/invocations/${encodeURIComponent(id)}`, invocationDetailSchema));
    });
}

async function status({ client, terminal }: CliContext): Promise<void> {
  const system = await client.get('/api/v1/system', systemSchema);
  if (terminal.isJson) {
    terminal.json(system);
    return;
  }
  terminal.print(
    `Hearth ${system.version} at ${client.url}, gateway ${system.gatewayUrl}, up since ${system.startedAt}`,
  );
  for (const warning of system.warnings) terminal.say(terminal.style('yellow', `warning: ${warning}`));
  terminal.print('');
  terminal.table(
    ['isolation', 'status', 'tier', 'enforces', 'reason'],
    system.drivers.map((driver) => [
      driver.isDefault ? `${driver.name} (default)` : driver.name,
      driver.status,
      driver.tier ?? '-',
      driver.enforces.join(' ') || '-',
      [driver.reason, driver.fix].filter((text) => text !== null).join('; '),
    ]),
  );
  terminal.print('');
  terminal.table(
    ['runtime', 'status', 'version', 'reason'],
    system.runtimes.map((runtime) => [
      runtime.name,
      runtime.status,
      runtime.version ?? '-',
      [runtime.reason, runtime.fix].filter((text) => text !== null).join('; '),
    ]),
  );
}

async function listInvocations(
  { client, terminal }: CliContext,
  options: Readonly<Record<string, string>>,
): Promise<void> {
  const page = await client.get('/api/v1/invocations', invocationPageSchema, {
    function: options['function'],
    status: options['status'],
    limit: options['limit'],
  });
  if (terminal.isJson) {
    terminal.json(page.items);
    return;
  }
  terminal.table(
    ['id', 'function', 'version', 'trigger', 'status', 'start', 'total', 'when'],
    page.items.map((item) => [
      item.id,
      item.functionName,
      String(item.version),
      item.trigger,
      item.status,
      item.start,
      item.timing === null ? '-' : `${item.timing.totalMs.toFixed(1)} ms`,
      ago(item.createdAt),
    ]),
  );
}
