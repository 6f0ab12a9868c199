import type { Command } from 'commander';
import { testEventPageSchema, testEventSchema } from '../../shared/api/test-events.ts';
import { httpMessageType } from '../../shared/http-message.ts';
import type { TestEventKind } from '../../shared/test-events.ts';
import { functionPath } from '../api-paths.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { allPages } from '../pages.ts';
import { ago } from '../terminal.ts';
import { eventFrom } from './event-input.ts';
import { collectHeader, type HttpOptions, isRequest, messageFrom } from './request-input.ts';

/** What is in an event, to be sent as it is. */
export interface SavedContent {
  readonly kind: TestEventKind;
  readonly body: string | Uint8Array<ArrayBuffer>;
}

interface SaveOptions extends HttpOptions, VisibilityOption {
  readonly keepCredentials?: boolean;
}

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
        ['name', 'kind', 'visibility', 'bytes', 'changed', 'by'],
        ({ name, kind, visibility, sizeBytes, updatedAt, updatedBy }) => [
          name,
          kind,
          visibility,
          String(sizeBytes),
          ago(updatedAt),
          updatedBy,
        ],
      );
    });
  events
    .command('save')
    .description('keep an event, or a whole HTTP request, over the one of that name')
    .argument('<function>')
    .argument('<event>', 'its name')
    .option('-d, --data <text>', 'the event, as JSON; of a request the body, as it is')
    .option('-f, --file <file>', 'a file with the event or the body; - reads stdin')
    .option('-X, --method <method>', 'keeps an HTTP request; GET when left out, with a body POST')
    .option('--path <path>', 'of the request, with its query')
    .option('-H, --header <header>', "of the request, 'name: value'; can be given again", collectHeader)
    .option('--shared', 'for everybody in the project')
    .option('--keep-credentials', 'with --shared: also headers that may hold credentials, for everybody to see')
    .action(async (functionName: string, event: string, options: SaveOptions) => {
      const cli = context();
      const { body, type } = await toSave(cli, options);
      const headers = { 'content-type': type };
      const query = { credentials: options.keepCredentials === true ? 'keep' : undefined };
      const target = path(functionName, event, options);
      const saved = await cli.client.send('PUT', target, testEventSchema, { body, headers, query });
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

async function toSave(context: CliContext, options: HttpOptions) {
  if (isRequest(options)) return { body: await messageFrom(context, options), type: httpMessageType };
  if (options.data === undefined && options.file === undefined)
    throw new CliError(exitCodes.usage, 'say what is in it: --data or --file, or --method and --path of a request');
  return { body: await eventFrom(context, options), type: 'application/json' };
}

const listEvents = ({ client }: CliContext, functionName: string) =>
  allPages((cursor) => client.get(listPath(functionName), testEventPageSchema, { limit: 200, cursor }));

/** What is in the event of that name: the caller's own, else that of the project. Fails with `not found` when there is neither. */
export async function savedEvent(context: CliContext, functionName: string, name: string): Promise<SavedContent> {
  const found = (await listEvents(context, functionName)).filter((event) => event.name === name);
  const event = found.find(({ visibility }) => visibility === 'private') ?? found[0];
  if (event === undefined) {
    throw new CliError(exitCodes.notFound, `${functionName} has no event ${JSON.stringify(name)}`, {
      hint: `See what there is: hearth event list ${functionName}`,
    });
  }
  const shared = event.visibility === 'shared';
  const response = await context.client.request(path(functionName, name, { shared }));
  return { kind: event.kind, body: new Uint8Array(await response.arrayBuffer()) };
}
