import type { Command } from 'commander';
import { acceptedSchema, type InvocationDetail, invocationDetailSchema } from '../../shared/api/invocations.ts';
import type { RequestOptions } from '../api-client.ts';
import { functionPath, invocationPath } from '../api-paths.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { printLogLine } from '../log-lines.ts';
import { printable } from '../terminal.ts';
import { withDraft } from './draft-call.ts';
import { type EventOptions, eventFrom } from './event-input.ts';
import { savedEvent } from './test-events.ts';

interface Options extends EventOptions {
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
    .option('-d, --data <json>', 'the event')
    .option('-f, --file <file>', 'a file with the event; - reads stdin')
    .option('-e, --event <name>', 'an event that was saved; your own, else that of the project')
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
  const body = await eventOf(context, name, options);
  const path = `${functionPath(name)}/invocations`;
  const query = {
    qualifier: options.qualifier,
    mode: options.async === true ? 'async' : undefined,
    delayMs: options.delay,
  };
  const headers = {
    'content-type': 'application/json',
    ...(options.idempotencyKey === undefined ? {} : { 'idempotency-key': options.idempotencyKey }),
  };
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
  if (draft === undefined) await callAndPrint(context, path, call, options);
  else await withDraft(context, name, draft, async (ofDraft) => await callAndPrint(context, ofDraft, call, options));
}

/** Calls, waits, and prints what the function answered. */
async function callAndPrint(
  context: CliContext,
  path: string,
  call: Pick<RequestOptions, 'body' | 'query' | 'headers'>,
  options: Options,
): Promise<void> {
  const onResponse = (response: Response): void => {
    if (options.include === true) sayHead(context, response);
  };
  const response = await context.client.request(path, { ...call, method: 'POST', signal: context.signal, onResponse });
  const id = response.headers.get('hearth-invocation-id') ?? '';
  const result = Buffer.from(await response.arrayBuffer());
  if (options.logs === true) await printLogs(context, id);
  if (context.terminal.isJson) {
    context.terminal.json(callDocument(response, result));
    return;
  }
  context.terminal.streams.stdout.write(result);
  if (result.at(-1) !== 10) context.terminal.print('');
}

/** The status line and the headers, as curl shows them. */
function sayHead({ terminal }: CliContext, { status, statusText, headers }: Response): void {
  const lines = [`HTTP/1.1 ${status} ${statusText}`, ...[...headers].map(([name, value]) => `${name}: ${value}`)];
  for (const line of lines) terminal.say(terminal.style('dim', printable(line)));
  terminal.say('');
}

/** What `--json` gives of a call that was answered; docs/cli.md has its fields. */
function callDocument({ headers }: Response, body: Buffer) {
  const phases = [...(headers.get('server-timing') ?? '').matchAll(/([\w-]+);dur=([\d.]+)/g)];
  return {
    id: headers.get('hearth-invocation-id'),
    status: 'success',
    start: headers.get('hearth-start'),
    timing: Object.fromEntries(phases.map(([, phase, ms]) => [`${phase}Ms`, Number(ms)])),
    contentType: headers.get('content-type'),
    ...resultOf(body, headers.get('content-type') ?? ''),
  };
}

/** JSON as what it says, other text as a string, and bytes that are no text in base64. */
function resultOf(body: Buffer, contentType: string): { readonly result: unknown } | { readonly resultBase64: string } {
  const text = body.toString();
  if (!Buffer.from(text).equals(body)) return { resultBase64: body.toString('base64') };
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(contentType)) return { result: text };
  try {
    return { result: JSON.parse(text) };
  } catch {
    return { result: text };
  }
}

async function printLogs(context: CliContext, id: string): Promise<void> {
  const detail = await context.client.get(`/api/v1/invocations/${id}`, invocationDetailSchema);
  for (const line of detail.logs) context.terminal.say(printLogLine(context.terminal, line, false));
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

async function eventOf(
  context: CliContext,
  functionName: string,
  options: Options,
): Promise<string | Uint8Array<ArrayBuffer>> {
  if (options.event === undefined) return await eventFrom(context, options);
  if (options.data !== undefined || options.file !== undefined)
    throw new CliError(exitCodes.usage, '--event is given together with --data or --file; leave one out');
  return await savedEvent(context, functionName, options.event);
}
