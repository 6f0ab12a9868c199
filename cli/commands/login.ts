import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { whoamiSchema } from '../../shared/api/system.ts';
import { ApiClient } from '../api-client.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { removeProfile, storeProfile } from '../profile.ts';

interface Options {
  readonly url?: string;
  readonly tokenFile?: string;
}

export function registerLogin(program: Command, context: ContextFactory): void {
  program
    .command('login')
    .description('keep the address and the token for later commands')
    .option('--url <url>', 'address of the control listener')
    .option('--token-file <file>', 'a file with the token; - reads it from stdin')
    .addHelpText(
      'after',
      '\nWithout --token-file the token comes from HEARTH_TOKEN, from ./data/admin-token if that is readable, or from a prompt.\nA token is never taken from the command line, where other users could see it.',
    )
    .action(async (options: Options) => await login(context(), options));
  program
    .command('logout')
    .description('forget the token')
    .action(() => {
      const { environment, terminal } = context();
      terminal.say(removeProfile(environment) ? 'Forgotten.' : 'There was nothing to forget.');
    });
  program
    .command('whoami')
    .description('which token is in use')
    .action(async () => {
      const { client, terminal } = context();
      const who = await client.get('/api/v1/whoami', whoamiSchema);
      if (terminal.isJson) terminal.json(who);
      else terminal.print(`${who.name} (${who.scope}) at ${client.url}`);
    });
}

async function login(context: CliContext, options: Options): Promise<void> {
  const url = (options.url ?? context.client.url).replace(/\/+$/, '');
  if (!URL.canParse(url))
    throw new CliError(exitCodes.usage, `${url} is not an address`, {
      hint: 'For example --url http://127.0.0.1:3000',
    });
  const token = (await findToken(context, options)).trim();
  if (token === '') throw new CliError(exitCodes.usage, 'the token is empty');
  const who = await new ApiClient({ url, token }).get('/api/v1/whoami', whoamiSchema);
  const path = storeProfile(context.environment, { url, token });
  if (context.terminal.isJson) context.terminal.json({ url, ...who });
  else context.terminal.say(`Logged in at ${url} as ${who.name} (${who.scope}); kept in ${path}`);
}

function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliError(exitCodes.usage, `the token file cannot be read: ${(error as Error).message}`);
  }
}

async function findToken(context: CliContext, options: Options): Promise<string> {
  if (options.tokenFile === '-') return await readAll(context.terminal.streams.stdin);
  if (options.tokenFile !== undefined) return readToken(options.tokenFile);
  const fromEnvironment = context.environment['HEARTH_TOKEN'];
  if (fromEnvironment !== undefined) return fromEnvironment;
  const local = join(context.directory, 'data', 'admin-token');
  if (existsSync(local)) return readFileSync(local, 'utf8');
  if (context.terminal.streams.stdin.isTTY !== true) {
    throw new CliError(exitCodes.usage, 'no token given', { hint: 'Use --token-file, HEARTH_TOKEN, or a terminal.' });
  }
  const prompt = createInterface({ input: context.terminal.streams.stdin, output: context.terminal.streams.stderr });
  try {
    return await prompt.question('Token (printed at the first start, kept in data/admin-token): ', {
      signal: context.signal,
    });
  } finally {
    prompt.close();
  }
}

/** Everything that stdin has. */
export async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk.toString();
  return text;
}
