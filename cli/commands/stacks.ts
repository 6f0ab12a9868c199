import { resolve } from 'node:path';
import type { Command } from 'commander';
import { stackFile } from '../../shared/stack.ts';
import { functionPath } from '../api-paths.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { confirm } from '../prompts.ts';
import { warnOfSecrets } from '../source-folder.ts';
import { planStack, type StackStep } from '../stack/plan-stack.ts';
import { type ReadStack, readStack } from '../stack/read-stack.ts';
import { printable, type Terminal } from '../terminal.ts';
import { describe, sendFolder } from './deploy.ts';

interface Options {
  readonly file: string;
  readonly prune?: boolean;
  readonly check?: boolean;
  readonly message?: string;
  readonly yes?: boolean;
}

export function registerStacks(program: Command, context: ContextFactory): void {
  program
    .command('plan')
    .description('what `apply` would change: functions that are deployed together, compared with their folders')
    .option('-f, --file <path>', 'the file that names the folders', stackFile)
    .option('--prune', 'functions of the stack that have no folder any more are to be deleted')
    .option('--check', 'end with status 1 when there is something to do')
    .action(async (options: Options) => await plan(context(), options));
  program
    .command('apply')
    .description('deploy what has changed of functions that are deployed together, and nothing else')
    .option('-f, --file <path>', 'the file that names the folders', stackFile)
    .option('--prune', 'delete functions of the stack that have no folder any more')
    .option('-m, --message <text>', 'why there are new versions')
    .option('-y, --yes', 'do not ask before functions are deleted')
    .action(async (options: Options) => await apply(context(), options));
}

async function read(context: CliContext, { file, prune }: Options) {
  const found = await readStack(resolve(context.directory, file));
  for (const folder of found.folders) warnOfSecrets(folder, context.terminal);
  return { found, steps: await planStack(context, found, prune === true) };
}

async function plan(context: CliContext, options: Options): Promise<void> {
  const { terminal } = context;
  const { found, steps } = await read(context, options);
  if (terminal.isJson) terminal.json({ stack: found.stack.name, steps: steps.map(documentOf) });
  else for (const step of steps) printStep(terminal, step);
  terminal.say(summary(found, steps));
  if (options.check === true && steps.some(({ kind }) => kind !== 'keep'))
    throw new CliError(exitCodes.failure, `stack ${found.stack.name} is not as it is deployed`, {
      hint: 'hearth apply deploys it.',
    });
}

async function apply(context: CliContext, options: Options): Promise<void> {
  const { terminal } = context;
  const { found, steps } = await read(context, options);
  const gone = steps.filter(({ kind }) => kind === 'delete').map(({ name }) => name);
  if (gone.length > 0 && options.yes !== true)
    await confirm(context, found.stack.name, `${gone.join(', ')} with all versions`);
  const done: object[] = [];
  // What is done stays done and was said, whatever becomes of the next; another `apply` goes on with the rest.
  for (const step of steps) done.push(await run(context, step, options.message));
  if (terminal.isJson) terminal.json({ stack: found.stack.name, steps: done });
  terminal.say(summary(found, steps, true));
}

async function run(context: CliContext, step: StackStep, message: string | undefined): Promise<object> {
  const { client, terminal } = context;
  const { kind, name } = step;
  const path = functionPath(name);
  switch (kind) {
    case 'keep':
      return { kind, name };
    case 'delete':
      await client.request(path, { method: 'DELETE' });
      terminal.say(`${terminal.style('red', '-')} deleted ${name}`);
      return { kind, name };
    case 'describe':
      await describe(context, step.folder.manifest);
      terminal.say(`${terminal.style('yellow', '~')} described ${name}`);
      return { kind, name };
    case 'create':
    case 'deploy': {
      const manifest = { ...step.folder.manifest, ...(message === undefined ? {} : { message }) };
      const { version, url } = await sendFolder(context, step.folder, manifest, kind === 'create');
      const sign = kind === 'create' ? terminal.style('green', '+') : terminal.style('yellow', '~');
      terminal.say(`${sign} deployed ${name} version ${version.version} ${terminal.style('dim', url)}`);
      return { kind, name, version: version.version, url };
    }
  }
}

const signs = { added: '+', changed: '~', removed: '-' } as const;

function printStep(terminal: Terminal, step: StackStep): void {
  switch (step.kind) {
    case 'keep':
      return;
    case 'delete':
      terminal.print(`${terminal.style('red', '-')} ${step.name}: would be deleted with all versions`);
      return;
    case 'create':
      terminal.print(`${terminal.style('green', '+')} ${step.name}: new, from ${printable(step.folder.shown)}`);
      return;
    default: {
      const what = step.kind === 'deploy' ? 'a new version' : 'no new version';
      terminal.print(`${terminal.style('yellow', '~')} ${step.name}: ${what}, from ${printable(step.folder.shown)}`);
      for (const { key, before, after } of step.fields)
        terminal.print(
          `    ${printable(key)}: ${terminal.style('red', printable(before))} -> ${terminal.style('green', printable(after))}`,
        );
      for (const { path, change } of step.files) terminal.print(`    ${signs[change]} ${printable(path)}`);
      for (const warning of step.warnings) terminal.say(terminal.style('yellow', `    warning: ${printable(warning)}`));
    }
  }
}

/** A step as data, without what was read of the folder. */
function documentOf(step: StackStep): object {
  if (step.kind === 'delete') return step;
  const { folder, ...rest } = step;
  return { ...rest, folder: folder.shown };
}

function summary({ stack }: ReadStack, steps: readonly StackStep[], isDone = false): string {
  const count = (...kinds: readonly StackStep['kind'][]) => steps.filter(({ kind }) => kinds.includes(kind)).length;
  const verb = isDone ? '' : 'to ';
  return `Stack ${stack.name}: ${count('create')} ${verb}create${isDone ? 'd' : ''}, ${count('deploy', 'describe')} ${verb}change${isDone ? 'd' : ''}, ${count('delete')} ${verb}delete${isDone ? 'd' : ''}, ${count('keep')} unchanged`;
}
