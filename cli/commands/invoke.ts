import type { Command } from 'commander';
import { acceptedSchema, type InvocationDetail, invocationDetailSchema } from '../../shared/api/invocations.ts';
import { httpMessageType } from '../../shared/http-message.ts';
import type { RequestOptions } from '../api-client.ts';
import { functionPath, invocationPath } from '../api-paths.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { printLogLine } from '../log-lines.ts';
import { printable } from '../terminal.ts';
import { answerOfMessage, callDocument, printLogs, sayHead } from './call-answer.ts';
import { withDraft } from './draft-call.ts';
import { eventFrom } from './event-input.ts';
import { collectHeader, type HttpOptions, isRequest, messageFrom } from './request-input.ts';
import { type SavedContent, savedEvent } from './test-events.ts';

interface Options extends HttpOptions {
  readonly event?: string;
  readonly qualifier?: string;
  readonly draft?: string;
  readonly async?: boolean;
  readonly wait?: boolean;
  readonly delay?: string;
  readonly idempotencyKey?: string;
  readonly include?: boolean;
  readonly logs?: boolean;
  readonly replay?: string;
  /** Milliseconds. */
  readonly timeout?: number;
}

export function registerInvoke(program: Command, context: ContextFactory): void {
  program
    .command('invoke')
    .description('call a function and print its result')
    .argument('<function>', 'its name')
    .option('-d, --data <text>', 'the event, as JSON; of an HTTP request the body, as it is')
    .option('-f, --file <file>', 'a file with the event or the body; - reads stdin')
    .option('-X, --method <method>', 'sends an HTTP request; GET when left out, with a body POST')
    .option(
      '--path <path>',
      'of the HTTP request, with its query; below the function where it has no routes; / when left out',
    )
    .option('-H, --header <header>', "of the HTTP request, 'name: value'; can be given again", collectHeader)
    .option('-e, --event <name>', 'an event or request that was saved; your own, else that of the project')
    .option('-q, --qualifier <qualifier>', 'a version number or an alias')
    .option('--draft <folder>', 'what is in a folder with a hearth.json instead, without deploying it')
    .option('--async', 'put it into the queue and print its id')
    .option('--wait', 'with --async: wait until it is over')
    .option('--delay <ms>', 'with --async: not before')
    .option('--idempotency-key <key>', 'with --async: the same key never runs twice')
    .option('-i, --include', 'show the status line and the headers as well')
    .option('--replay <id>', 'with the event of an earlier invocation, which was kept; waits until it is over')
    .option('--timeout <duration>', 'wait no longer, for example 500ms, 30s, 2m; then exit status 7', durationOf)
    .option('--logs', 'show what the function printed')
    .action(async (name: string, options: Options) => await withTimeout(context(), name, options));
}

/** `500ms`, `30s`, `2m` in milliseconds. */
function durationOf(text: string): number {
  const [, count, unit] = /^(\d{1,7})(ms|s|m)$/.exec(text) ?? [];
  const ms = Number(count) * (unit === 'm' ? 60_000 : unit === 's' ? 1000 : 1);
  if (ms > 0 && ms < 2 ** 31) return ms;
  throw new CliError(exitCodes.usage, `--timeout ${text}: write for example 500ms, 30s or 2m`);
}

/** Who stops waiting for a call that was made directly cancels it; what is in the queue goes on. */
async function withTimeout(context: CliContext, name: string, options: Options): Promise<void> {
  if (options.timeout === undefined) return await invoke(context, name, options);
  const over = AbortSignal.timeout(options.timeout);
  try {
    await invoke({ ...context, signal: AbortSignal.any([context.signal, over]) }, name, options);
  } catch (error) {
    if (!over.aborted || context.signal.aborted || error instanceof CliError) throw error;
    throw new CliError(exitCodes.timeout, `${name} did not answer within ${options.timeout} ms`);
  }
}

/** Once more with the event of an earlier call, through the queue, whose id is `id`. */
async function replay(context: CliContext, name: string, id: string, options: Options): Promise<void> {
  const { client, signal } = context;
  const others = [
    options.data,
    options.file,
    options.event,
    options.method,
    options.path,
    options.header,
    options.qualifier,
    options.draft,
    options.async,
    options.delay,
  ];
  if (others.some((given) => given !== undefined))
    throw new CliError(exitCodes.usage, '--replay goes with --logs and --timeout alone: it has the event of the call');
  const path = invocationPath(id);
  const { functionName } = await client.get(path, invocationDetailSchema);
  if (functionName !== name) throw new CliError(exitCodes.usage, `${id} is a call of ${functionName}, not of ${name}`);
  const accepted = await client.send('POST', `${path}/replay`, acceptedSchema, { json: {}, signal });
  finish(context, await waitFor(context, accepted.id), options);
}

async function invoke(context: CliContext, name: string, options: Options): Promise<void> {
  const { draft } = options;
  if (options.replay !== undefined) return await replay(context, name, options.replay, options);
  if (draft !== undefined && (options.async === true || options.qualifier !== undefined))
    throw new CliError(
      exitCodes.usage,
      '--draft goes without --async and --qualifier: a draft is called at once, and by itself',
    );
  const sent = await whatToSend(context, name, options);
  if (sent.kind === 'request' && options.async === true)
    throw new CliError(exitCodes.usage, 'an HTTP request is answered at once: it goes without --async');
  const path = `${functionPath(name)}/${callsOf(sent)}`;
  const query = {
    qualifier: options.qualifier,
    mode: options.async === true ? 'async' : undefined,
    delayMs: options.delay,
  };
  const headers = {
    'content-type': sent.kind === 'request' ? httpMessageType : 'application/json',
    ...(options.idempotencyKey === undefined ? {} : { 'idempotency-key': options.idempotencyKey }),
  };
  const { body } = sent;
  if (options.async === true) {
    const accepted = await context.client.send('POST', path, acceptedSchema, {
      body,
      query,
      headers,
      signal: context.signal,
    });
    if (options.wait === true) finish(context, await waitFor(context, accepted.id), options);
    else context.terminal.result(accepted, accepted.id);
    return;
  }
  const call = { body, query, headers };
  const print = sent.kind === 'request' ? requestAndPrint : callAndPrint;
  if (draft === undefined) await print(context, path, call, options);
  else
    await withDraft(context, name, draft, async (ofDraft) => {
      await print(context, `${ofDraft}/${callsOf(sent)}`, call, options);
    });
}

type Call = Pick<RequestOptions, 'body' | 'query' | 'headers'>;

/** Calls, waits, and prints what the function answered. */
async function callAndPrint(context: CliContext, path: string, call: Call, options: Options): Promise<void> {
  const onResponse = ({ status, statusText, headers }: Response): void => {
    if (options.include === true) sayHead(context, { status, headers: [...headers] }, statusText);
  };
  const response = await context.client.request(path, { ...call, method: 'POST', signal: context.signal, onResponse });
  const id = response.headers.get('hearth-invocation-id') ?? '';
  const result = Buffer.from(await response.arrayBuffer());
  if (options.logs === true) await printLogs(context, id);
  if (context.terminal.isJson)
    context.terminal.json(callDocument(response, result, response.headers.get('content-type')));
  else printBody(context, result);
}

/** The same with an HTTP request, whose response is printed whole; any status is an answer. */
async function requestAndPrint(context: CliContext, path: string, call: Call, options: Options): Promise<void> {
  const response = await context.client.request(path, { ...call, method: 'POST', signal: context.signal });
  const answer = await answerOfMessage(response);
  const { status, headers, body } = answer;
  if (options.include === true) sayHead(context, answer);
  if (options.logs === true) await printLogs(context, response.headers.get('hearth-invocation-id') ?? '');
  const contentType = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? null;
  if (context.terminal.isJson)
    context.terminal.json({ ...callDocument(response, body, contentType), httpStatus: status, headers });
  else printBody(context, body);
}

function printBody({ terminal }: CliContext, body: Buffer): void {
  terminal.streams.stdout.write(body);
  if (body.at(-1) !== 10) terminal.print('');
}

function finish(context: CliContext, detail: InvocationDetail, options: Options): void {
  const { terminal } = context;
  if (terminal.isJson) terminal.json(detail);
  else {
    if (options.logs === true) for (const line of detail.logs) terminal.say(printLogLine(terminal, line, false));
    terminal.print(JSON.stringify(detail.result ?? null, null, 2));
  }
  if (detail.status === 'success') return;
  const message = `${detail.id} ended as ${detail.status} after ${detail.attempts} attempts: ${printable(detail.error?.message ?? 'no reason given')}`;
  throw new CliError(detail.error?.type === 'timeout' ? exitCodes.timeout : exitCodes.functionError, message);
}

const finalStatuses: ReadonlySet<string> = new Set([
  'success',
  'function-error',
  'function-fault',
  'platform-fault',
  'dead-letter',
  'cancelled',
]);

async function waitFor(context: CliContext, id: string): Promise<InvocationDetail> {
  for (let waitMs = 50; ; waitMs = Math.min(waitMs * 1.5, 1000)) {
    const detail = await context.client.get(`/api/v1/invocations/${id}`, invocationDetailSchema);
    if (finalStatuses.has(detail.status) && detail.nextAttemptAt === null) return detail;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    context.signal.throwIfAborted();
  }
}

/** Where a function, or a draft, takes what is sent. */
const callsOf = ({ kind }: SavedContent): string => (kind === 'request' ? 'requests' : 'invocations');

async function whatToSend(context: CliContext, functionName: string, options: Options): Promise<SavedContent> {
  if (options.event === undefined)
    return isRequest(options)
      ? { kind: 'request', body: await messageFrom(context, options) }
      : { kind: 'event', body: await eventFrom(context, options) };
  if (options.data !== undefined || options.file !== undefined || isRequest(options))
    throw new CliError(
      exitCodes.usage,
      '--event is given together with --data, --file or parts of a request; leave one out',
    );
  return await savedEvent(context, functionName, options.event);
}
