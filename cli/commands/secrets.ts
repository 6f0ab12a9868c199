import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import type { Command } from 'commander';
import {
  putSecretSchema,
  putSecretsSchema,
  secretListSchema,
  secretPageSchema,
  secretParams,
  secretSchema,
  secretsKeySchema,
} from '../../shared/api/secrets.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { ago } from '../terminal.ts';
import { readAll } from './login.ts';

const root = '/api/v1/secrets';
const path = (name: string): string => `${root}/${encodeURIComponent(name)}`;
const keyPath = '/api/v1/system/secrets-key';

export function registerSecrets(program: Command, context: ContextFactory): void {
  const secrets = program.command('secrets').description('values that functions get in their environment');
  secrets
    .command('set')
    .description(
      'set a value, asked for or read from stdin; never given on the command line, where others could see it',
    )
    .argument('<name>')
    .action(async (name: string) => await setSecret(context(), name));
  secrets
    .command('list')
    .description('names, without values')
    .action(async () => await listSecrets(context()));
  secrets
    .command('import')
    .description('set every value of a file such as .env, all or none; what is there already gets the new value')
    .argument('<file>', '- reads stdin')
    .action(async (file: string) => await importSecrets(context(), file));
  secrets
    .command('delete')
    .alias('unset')
    .description('delete secrets that no version in use lists')
    .argument('<name...>')
    .action(async (names: readonly string[]) => {
      const { client, terminal } = context();
      for (const name of names) {
        await client.request(path(name), { method: 'DELETE' });
        terminal.say(`${name} is deleted`);
      }
      if (terminal.isJson) terminal.json({ deleted: names });
    });
  secrets
    .command('rotate')
    .description('turn to another key-encryption key; functions go on meanwhile')
    .action(async () => await rotate(context()));
}

async function setSecret(context: CliContext, name: string): Promise<void> {
  const { client, terminal } = context;
  const { stdin } = terminal.streams;
  const value = stdin.isTTY === true ? await askHidden(context, name) : withoutLastBreak(await readAll(stdin));
  if (value === '') throw new CliError(exitCodes.usage, 'the value is empty; nothing was changed');
  const secret = await client.send('PUT', path(name), secretSchema, { json: { value } });
  terminal.answer(secret, `${name} is set (version ${secret.version})${whoRestarts(secret.usedBy)}`);
}

/** All names are looked at before the values are sent, in one request that sets all of them or none. */
async function importSecrets(context: CliContext, file: string): Promise<void> {
  const { client, terminal } = context;
  const text = file === '-' ? await readAll(terminal.streams.stdin) : readEnvFile(resolve(context.directory, file));
  const values = Object.entries(parseEnv(text));
  if (values.length === 0) throw new CliError(exitCodes.usage, `${file} has no NAME=value; nothing was changed`);
  const mistakes = values.flatMap(([name, value]) => {
    const { error } = secretParams.extend(putSecretSchema.shape).safeParse({ name, value });
    return error === undefined ? [] : [`\n  ${name}: ${error.issues[0]?.message ?? ''}`];
  });
  if (mistakes.length > 0)
    throw new CliError(exitCodes.usage, `${file} has mistakes; nothing was changed:${mistakes.join('')}`);
  const body = putSecretsSchema.safeParse({ values: Object.fromEntries(values) });
  if (!body.success)
    throw new CliError(exitCodes.usage, `${file} ${body.error.issues[0]?.message}; nothing was changed`);
  const { items } = await client.send('PATCH', root, secretListSchema, { json: body.data });
  for (const { name, version, usedBy } of items)
    terminal.say(`${name} is set (version ${version})${whoRestarts(usedBy)}`);
  if (terminal.isJson) terminal.json(items);
}

function readEnvFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliError(exitCodes.usage, `the file cannot be read: ${(error as Error).message}`);
  }
}

/** The terminal shows the question and nothing of the answer. */
async function askHidden({ terminal, signal }: CliContext, name: string): Promise<string> {
  const { stdin, stderr } = terminal.streams;
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input: stdin, output: nowhere, terminal: true });
  try {
    stderr.write(`Value of ${name} (not shown): `);
    return await prompt.question('', { signal });
  } finally {
    prompt.close();
    stderr.write('\n');
  }
}

/** `echo value |` ends with a line break that nobody means; what is before it may have breaks of its own, as PEM files do. */
const withoutLastBreak = (text: string): string => text.replace(/\r?\n$/, '');

function whoRestarts(usedBy: readonly { readonly functionName: string }[]): string {
  if (usedBy.length === 0) return '; no function lists it yet: name it in `secrets` of a version';
  return `; new calls of ${[...new Set(usedBy.map((user) => user.functionName))].join(', ')} see it`;
}

async function listSecrets({ client, terminal }: CliContext): Promise<void> {
  const items = [];
  for (let cursor: string | undefined; ; ) {
    const page = await client.get(root, secretPageSchema, { limit: 200, cursor });
    items.push(...page.items);
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  if (terminal.isJson) terminal.json(items);
  else if (items.length === 0) terminal.say('No secrets yet. Set one with: hearth secrets set NAME');
  else {
    terminal.table(
      ['name', 'version', 'changed', 'by', 'used by'],
      items.map((item) => [
        item.name,
        String(item.version),
        ago(item.updatedAt),
        item.updatedBy,
        [...new Set(item.usedBy.map((user) => user.functionName))].join(', '),
      ]),
    );
  }
}

async function rotate({ client, terminal, signal }: CliContext): Promise<void> {
  let key = await client.send('POST', `${keyPath}/rotation`, secretsKeySchema, { json: {} });
  terminal.say(`key ${key.keyId} is in use; ${key.pending} secrets are being wrapped with it`);
  while (key.pending > 0) {
    await sleep(200, undefined, { signal });
    key = await client.get(keyPath, secretsKeySchema);
  }
  terminal.answer(key, 'all secrets are wrapped with it');
}
