import type { Command } from 'commander';
import type { CliContext, ContextFactory } from '../context.ts';
import { CurrentDraft } from '../dev/current-draft.ts';
import { DraftServer } from '../dev/draft-server.ts';
import { FolderWatch } from '../dev/watch-folders.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { printable } from '../terminal.ts';
import { followLogs } from './logs.ts';

interface Options {
  readonly port: number;
}

const defaultPort = 8787;
const maxPort = 65_535;

export function registerDev(program: Command, context: ContextFactory): void {
  program
    .command('dev')
    .description('try a folder while you write it: a local address, rebuilt at every change, with its log')
    .argument('[directory]', 'a folder with a hearth.json', '.')
    .option('-p, --port <port>', 'where it listens on this machine; 0 for any that is free', portOf, defaultPort)
    .addHelpText(
      'after',
      '\nWhat is in the folder runs on the platform as a draft (docs/drafts.md): at the isolation level, with the limits, variables and secrets\nthat hearth.json says. Callers of the deployed function notice nothing. CORS is answered as it says; WebSockets,\nauthentication of callers and rate limits are not there. Ctrl-C ends it.',
    )
    .action(async (directory: string, options: Options) => await dev(context(), directory, options));
}

async function dev(context: CliContext, directory: string, { port }: Options): Promise<void> {
  const { terminal, signal } = context;
  const refresh = () => void draft.refresh().catch((error: unknown) => sayFailure(context, error));
  const folders = new FolderWatch(refresh);
  const draft = new CurrentDraft(context, directory, (found) => folders.set(found));
  const server = new DraftServer(context, draft);
  try {
    // A folder that cannot be built at all is said at once, and so is a platform that cannot be reached.
    const { functionName, config } = await draft.get();
    const url = await server.listen(port);
    terminal.result({ function: functionName, url }, url);
    terminal.say(
      terminal.style(
        'dim',
        `${functionName} as in ${directory}; it is built again when a file changes; Ctrl-C ends it`,
      ),
    );
    if (config.auth !== null || config.rateLimits.length > 0)
      terminal.say(
        terminal.style(
          'yellow',
          'callers are neither asked who they are nor counted here, as they are once it is deployed',
        ),
      );
    await followLogs(context, functionName, { filter: 'version:draft' });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    folders.close();
    await server.close();
    await draft.close();
  }
}

/** The next request is answered with it too. */
function sayFailure({ terminal, signal }: CliContext, error: unknown): void {
  if (signal.aborted) return;
  terminal.say(terminal.style('red', printable(error instanceof Error ? error.message : String(error))));
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= maxPort) return Number(text);
  throw new CliError(exitCodes.usage, `--port ${text}: write a number from 0 to ${maxPort}`);
}
