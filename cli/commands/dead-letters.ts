import type { Command } from 'commander';
import { acceptedSchema, deadLetterPageSchema, redrivenSchema } from '../../shared/api/invocations.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { ago, firstLine } from '../terminal.ts';

const path = (id: string): string => `/api/v1/dead-letters/${encodeURIComponent(id)}`;

export function registerDeadLetters(program: Command, context: ContextFactory): void {
  const letters = program
    .command('dead-letter')
    .alias('dead-letters')
    .description('asynchronous invocations that were given up');
  letters
    .command('list')
    .description('the newest, with what failed')
    .option('--function <name>', 'only of this function')
    .option('-n, --limit <count>', 'how many, at most 200', '50')
    .action(async (options: { readonly function?: string; readonly limit: string }) => {
      const { client, terminal } = context();
      const { items } = await client.get('/api/v1/dead-letters', deadLetterPageSchema, options);
      terminal.list(items, ['invocation', 'function', 'attempts', 'given up', 'reason', 'error'], (item) => [
        item.invocationId,
        item.functionName,
        String(item.attempts),
        ago(item.deadAt),
        item.reason,
        firstLine(item.error?.message ?? '-'),
      ]);
    });
  letters
    .command('redrive')
    .description('submit dead letters again: those that are named, or all of a function')
    .argument('[id...]', 'ids of invocations')
    .option('--function <name>', 'all of this function')
    .action(
      async (ids: readonly string[], options: { readonly function?: string }) =>
        await redrive(context(), ids, options.function),
    );
  letters
    .command('delete')
    .description('delete a dead letter with its payload')
    .argument('<id>')
    .action(async (id: string) => {
      const { client, terminal } = context();
      await client.request(path(id), { method: 'DELETE' });
      terminal.answer({ deleted: id }, `Deleted ${id}`);
    });
}

async function redrive(
  { client, terminal, signal }: CliContext,
  ids: readonly string[],
  name: string | undefined,
): Promise<void> {
  if ((ids.length === 0) === (name === undefined))
    throw new CliError(exitCodes.usage, 'name either dead letters or --function', {
      hint: 'See them with: hearth dead-letter list',
    });
  for (const id of ids) {
    const accepted = await client.send('POST', `${path(id)}/redrive`, acceptedSchema, { json: {} });
    terminal.result(accepted, accepted.id);
  }
  if (name === undefined) return;
  // One request takes a bounded number of them.
  let redriven = 0;
  for (let isComplete = false; !isComplete; ) {
    const answer = await client.send('POST', '/api/v1/dead-letters/redrive', redrivenSchema, {
      json: { function: name },
      signal,
    });
    redriven += answer.redriven;
    isComplete = answer.isComplete;
  }
  terminal.answer({ redriven }, `Submitted ${redriven} again`);
}
