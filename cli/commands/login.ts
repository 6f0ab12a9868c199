import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { signedInSchema } from '../../shared/api/access.ts';
import { whoamiSchema } from '../../shared/api/system.ts';
import { ApiClient } from '../api-client.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { isCi, removeProfile, storeProfile } from '../profile.ts';
import { askPassword } from '../prompts.ts';

interface Options {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly user?: string;
  readonly passwordFile?: string;
}

export function registerLogin(program: Command, context: ContextFactory): void {
  program
    .command('login')
    .description('keep the address and the token for later commands')
    .option('--url <url>', 'address of the control listener')
    .option('--token-file <file>', 'a file with the token; - reads it from stdin')
    .option('--user <name>', 'sign in with a password instead of a token')
    .option('--password-file <file>', 'a file with the password; - reads it from stdin')
    .addHelpText(
      'after',
      '\nWithout --token-file the token comes from HEARTH_TOKEN, from ./data/admin-token if that is readable, or from a prompt.\nWith --user the password is asked for, or comes from --password-file.\nNeither is ever taken from the command line, where other users could see it.',
    )
    .action(async (options: Options) => await login(context(), options));
  program
    .command('logout')
    .description('sign out, and forget the token')
    .action(async () => {
      const { client, environment, terminal } = context();
      // A session ends at the platform too; a token stays good, and an address that does not answer must not keep ours here.
      await client.request('/api/v1/sessions/current', { method: 'DELETE' }).catch(() => undefined);
      terminal.say(removeProfile(environment) ? 'Forgotten.' : 'There was nothing to forget.');
    });
  program
    .command('whoami')
    .description('which token is in use')
    .action(async () => {
      const { client, terminal } = context();
      const who = await client.get('/api/v1/whoami', whoamiSchema);
      terminal.result(who, `${who.name} (${who.scope}) at ${client.url}`);
    });
  program
    .command('password')
    .description('change your own password; all your other sessions end')
    .action(async () => {
      const given = context();
      const currentPassword = await askPassword(given, 'Current password: ');
      const newPassword = await askPassword(given, 'New password: ');
      await given.client.request('/api/v1/password', { method: 'PUT', json: { currentPassword, newPassword } });
      given.terminal.say('Changed.');
    });
}

async function login(context: CliContext, options: Options): Promise<void> {
  const url = (options.url ?? context.client.url).replace(/\/+$/, '');
  if (!URL.canParse(url))
    throw new CliError(exitCodes.usage, `${url} is not an address`, {
      hint: 'For example --url http://127.0.0.1:3000',
    });
  const token =
    options.user === undefined
      ? (await findToken(context, options)).trim()
      : await signIn(context, url, options.user, options.passwordFile);
  if (token === '') throw new CliError(exitCodes.usage, 'the token is empty');
  const who = await new ApiClient({ url, token, project: undefined, isCi: isCi(context.environment) }).get(
    '/api/v1/whoami',
    whoamiSchema,
  );
  const path = storeProfile(context.environment, { url, token });
  context.terminal.answer({ url, ...who }, `Logged in at ${url} as ${who.name} (${who.scope}); kept in ${path}`);
}

async function signIn(context: CliContext, url: string, user: string, file: string | undefined): Promise<string> {
  const password =
    file === undefined ? await askPassword(context, `Password of ${user}: `) : await readSecret(context, file);
  const client = new ApiClient({ url, token: undefined, project: undefined, isCi: isCi(context.environment) });
  const { token } = await client.send('POST', '/api/v1/sessions', signedInSchema, { json: { user, password } });
  return token;
}

/** A password from a file, or from stdin (`-`), without the line break at its end. */
export async function readSecret({ terminal }: CliContext, file: string): Promise<string> {
  const text = file === '-' ? await readAll(terminal.streams.stdin) : readSecretFile(file, 'password');
  return text.replace(/\r?\n$/, '');
}

function readSecretFile(path: string, what: 'token' | 'password'): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliError(exitCodes.usage, `the ${what} file cannot be read: ${(error as Error).message}`);
  }
}

async function findToken(context: CliContext, options: Options): Promise<string> {
  if (options.tokenFile === '-') return await readAll(context.terminal.streams.stdin);
  if (options.tokenFile !== undefined) return readSecretFile(options.tokenFile, 'token');
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
