import type { Command } from 'commander';
import { testEventPageSchema, testEventSchema } from '../../shared/api/test-events.ts';
import { functionPath } from '../api-paths.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { allPages } from '../pages.ts';
import { ago } from '../terminal.ts';
import { type EventOptions, eventFrom } from './event-input.ts';

interface VisibilityOption {
  readonly shared?: boolean;
}

const listPath = (functionName: string): string => `${functionPath(functionName)}/test-events`;
const path = (functionName: string, event: string, { shared }: VisibilityOption): string =>
  `${listPath(functionName)}/${shared === true ? 'shared' : 'private'}/${encodeURIComponent(event)}`;

export function registerTestEvents(program: Command, context: ContextFactory): void {
  const events = program.command('event').alias('events').description('events that are kept to call a function with');
  events
    .command('list')
    .description('your own events of a function, and those that the project shares')
    .argument('<function>')
    .action(async (functionName: string) => {
      const cli = context();
      cli.terminal.list(
        await listEvents(cli, functionName),
        ['name', 'visibility', 'bytes', 'changed', 'by'],
        ({ name, visibility, sizeBytes, updatedAt, updatedBy }) => [
          name,
          visibility,
          String(sizeBytes),
          ago(updatedAt),
          updatedBy,
        ],
      );
    });
  events
    .command('save')
    .description('keep an event, over the one of that name')
    .argument('<function>')
    .argument('<event>', 'its name')
    .option('-d, --data <json>', 'the event')
    .option('-f, --file <file>', 'a file with the event; - reads stdin')
    .option('--shared', 'for everybody in the project')
    .action(async (functionName: string, event: string, options: EventOptions & VisibilityOption) => {
      const cli = context();
      if (options.data === undefined && options.file === undefined)
        throw new CliError(exitCodes.usage, 'say what is in the event: --data or --file');
      const body = await eventFrom(cli, options);
      const headers = { 'content-type': 'application/json' };
      const target = path(functionName, event, options);
      const saved = await cli.client.send('PUT', target, testEventSchema, { body, headers });
      cli.terminal.answer(saved, `${saved.name} is saved (${saved.visibility}, ${saved.sizeBytes} bytes)`);
    });
  events
    .command('remove')
    .description('delete an event')
    .argument('<function>')
    .argument('<event>', 'its name')
    .option('--shared', 'the one that the project shares')
    .action(async (functionName: string, event: string, options: VisibilityOption) => {
      const { client, terminal } = context();
      await client.request(path(functionName, event, options), { method: 'DELETE' });
      terminal.say(`${event} is deleted`);
    });
}

const listEvents = ({ client }: CliContext, functionName: string) =>
  allPages((cursor) => client.get(listPath(functionName), testEventPageSchema, { limit: 200, cursor }));

/** What is in the event of that name: the caller's own, else that of the project. Fails with `not found` when there is neither. */
export async function savedEvent(
  context: CliContext,
  functionName: string,
  name: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const found = (await listEvents(context, functionName)).filter((event) => event.name === name);
  const event = found.find(({ visibility }) => visibility === 'private') ?? found[0];
  if (event === undefined) {
    throw new CliError(exitCodes.notFound, `${functionName} has no event ${JSON.stringify(name)}`, {
      hint: `See what there is: hearth event list ${functionName}`,
    });
  }
  const shared = event.visibility === 'shared';
  const response = await context.client.request(path(functionName, name, { shared }));
  return new Uint8Array(await response.arrayBuffer());
}
