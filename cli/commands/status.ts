import type { Command } from 'commander';
import { systemSchema } from '../../shared/api/system.ts';
import type { CliContext, ContextFactory } from '../context.ts';

export function registerStatus(program: Command, context: ContextFactory): void {
  program
    .command('status')
    .description('the platform: isolation levels, runtimes, warnings')
    .action(async () => await status(context()));
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
