import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { functionSchema } from '../../shared/api/functions.ts';
import { functionPath } from '../api-paths.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { isCi } from '../profile.ts';

interface Options {
  readonly print?: boolean;
}

export function registerOpen(program: Command, context: ContextFactory): void {
  program
    .command('open')
    .description('print the address of the dashboard, and open it in a browser')
    .argument('[function]', 'at the page of this function')
    .option('--print', 'print it only; nothing is opened either when stdout is not a terminal, or with CI=true')
    .action(async (name: string | undefined, options: Options) => await open(context(), name, options));
}

async function open(
  { client, terminal, environment }: CliContext,
  name: string | undefined,
  options: Options,
): Promise<void> {
  // A page of a function that is not there would say so only in the browser.
  if (name !== undefined) await client.get(functionPath(name), functionSchema);
  const url = `${client.url}${name === undefined ? '/' : `/functions/${encodeURIComponent(name)}`}`;
  terminal.result({ url }, url);
  const isScript = terminal.isJson || terminal.streams.stdout.isTTY !== true || isCi(environment);
  if (options.print === true || isScript) return;
  const browser = spawn(process.platform === 'darwin' ? 'open' : 'xdg-open', [url], {
    detached: true,
    stdio: 'ignore',
  });
  // Over SSH there is no browser: the address was printed.
  browser.once('error', () => undefined);
  browser.unref();
}
