import type { Command } from 'commander';
import {
  acceptedSchema,
  type InvocationDetail,
  invocationDetailSchema,
  invocationPageSchema,
} from '../../shared/api/invocations.ts';
import { type KeptRequestDocument, keptRequestSchema } from '../../shared/api/kept-requests.ts';
import { isDraft } from '../../shared/drafts.ts';
import type { Timing } from '../../shared/invocation.ts';
import { curlOf } from '../../shared/request-curl.ts';
import { invocationPath } from '../api-paths.ts';
import type { CliContext, ContextFactory } from '../context.ts';
import { printLogLine } from '../log-lines.ts';
import { ago, bytesText, printable, type Terminal } from '../terminal.ts';

interface ListOptions {
  readonly function?: string;
  readonly status?: string;
  readonly trigger?: string;
  readonly from?: string;
  readonly to?: string;
  readonly ofVersion?: string;
  readonly minDuration?: string;
  readonly search?: string;
  readonly limit: string;
}

export function registerInvocations(program: Command, context: ContextFactory): void {
  const invocations = program.command('invocation').alias('invocations').description('invocations');
  invocations
    .command('list')
    .description('the newest invocations')
    .option('--function <name>', 'only of this function')
    .option('--status <status>', 'only with this status')
    .option('--trigger <trigger>', 'only with this trigger: http, api, async, schedule …')
    .option('--from <time>', 'not before this time, for example 2026-05-01T12:00:00Z')
    .option('--to <time>', 'before this time')
    .option('--of-version <number>', 'only of this version')
    .option('--min-duration <ms>', 'only those that took at least so long')
    .option('--search <text>', 'an id or its beginning, a trace id, or a part of what the error says')
    .option('-n, --limit <count>', 'how many', '20')
    .action(async (options: ListOptions) => await list(context(), options));
  invocations
    .command('show')
    .description('one invocation with result, timing and logs')
    .argument('<id>')
    .action(async (id: string) => {
      const { client, terminal } = context();
      const detail = await client.get(invocationPath(id), invocationDetailSchema);
      if (terminal.isJson) terminal.json(detail);
      else showInvocation(terminal, detail);
    });
  invocations
    .command('request')
    .description('the request of a call over HTTP that was kept, and what the function answered')
    .argument('<id>')
    .option('--curl', 'as a command that sends it again')
    .action(async (id: string, options: { readonly curl?: boolean }) => {
      const { client, terminal } = context();
      const request = await client.get(`${invocationPath(id)}/request`, keptRequestSchema);
      if (terminal.isJson) terminal.json(request);
      else if (options.curl === true) terminal.print(curlOf(request));
      else showRequest(terminal, request);
    });
  invocations
    .command('replay')
    .description('run what was kept of it once more, asynchronously; prints the id of the new invocation')
    .argument('<id...>')
    .action(async (ids: readonly string[]) => {
      const { client, terminal } = context();
      for (const id of ids) {
        const accepted = await client.send('POST', `${invocationPath(id)}/replay`, acceptedSchema, { json: {} });
        terminal.result(accepted, accepted.id);
      }
    });
  invocations
    .command('cancel')
    .description('end an invocation that waits or runs')
    .argument('<id>')
    .action(async (id: string) => {
      const { client, terminal } = context();
      await client.request(invocationPath(id), { method: 'DELETE' });
      terminal.answer({ cancelled: id }, `Cancelled ${id}`);
    });
}

/** The request and the response, as they went over the wire. */
function showRequest(terminal: Terminal, request: KeptRequestDocument): void {
  const { method, url, headers, redacted, replayObstacle, response, isCut, bodyBytes } = request;
  terminal.print(printable(`${method} ${url}`));
  showMessage(terminal, headers, request);
  if (isCut) terminal.say(`the body was cut; it had ${bodyBytes === null ? 'more' : bytesText(bodyBytes)}`);
  if (redacted.length > 0) terminal.say(`left out: ${redacted.join(', ')}`);
  if (replayObstacle !== null) terminal.say('it cannot be replayed: it is not whole');
  if (response === null) return;
  terminal.print('');
  terminal.print(`HTTP ${response.status}`);
  showMessage(terminal, response.headers, response);
  if (response.isCut) terminal.say('the response was longer');
}

function showMessage(
  terminal: Terminal,
  headers: KeptRequestDocument['headers'],
  { body, isBase64Encoded }: Pick<KeptRequestDocument, 'body' | 'isBase64Encoded'>,
): void {
  for (const { name, value } of headers) terminal.print(terminal.style('dim', printable(`${name}: ${value}`)));
  if (body === '') return;
  terminal.print('');
  terminal.print(isBase64Encoded ? `base64 ${body}` : printable(body));
}

function showInvocation(terminal: Terminal, detail: InvocationDetail): void {
  const { timing, usage, error } = detail;
  terminal.fields({
    id: detail.id,
    function: `${detail.functionName} ${isDraft(detail) ? 'draft' : `version ${detail.version}`} (${detail.qualifier})`,
    trigger: detail.trigger,
    status: `${detail.status}${detail.httpStatus === null ? '' : `, HTTP ${detail.httpStatus}`}`,
    attempts: detail.attempts === 1 ? undefined : String(detail.attempts),
    'next attempt': detail.nextAttemptAt ?? undefined,
    'replay of': detail.replayOf ?? undefined,
    start: detail.start,
    created: `${detail.createdAt} (${ago(detail.createdAt)})`,
    time: timing === null ? undefined : timeText(timing),
    used: usage === null ? undefined : `${usage.cpuMs.toFixed(1)} ms CPU, ${bytesText(usage.peakMemoryBytes)} memory`,
    instance: detail.instanceId ?? undefined,
    traceparent: detail.traceparent ?? undefined,
    error: error === null ? undefined : (error.stack ?? `${error.type}: ${error.message}`),
    request: detail.hasRequest ? `kept: hearth invocation request ${detail.id}` : undefined,
    payload: detail.payload === null ? undefined : JSON.stringify(detail.payload),
    result: detail.result === null ? undefined : JSON.stringify(detail.result),
  });
  if (detail.logs.length > 0) terminal.print('');
  for (const line of detail.logs) terminal.print(printLogLine(terminal, line, false));
}

/** The whole, and the phases that took any of it. */
function timeText(timing: Timing): string {
  const phases = (['queued', 'boot', 'load', 'init', 'handler', 'flush'] as const)
    .map((phase) => [phase, timing[`${phase}Ms`]] as const)
    .filter(([, ms]) => ms >= 0.05);
  return `${timing.totalMs.toFixed(1)} ms${phases.length === 0 ? '' : `: ${phases.map(([phase, ms]) => `${phase} ${ms.toFixed(1)}`).join(', ')}`}`;
}

async function list({ client, terminal }: CliContext, options: ListOptions): Promise<void> {
  const page = await client.get('/api/v1/invocations', invocationPageSchema, {
    function: options.function,
    status: options.status,
    trigger: options.trigger,
    from: options.from,
    to: options.to,
    version: options.ofVersion,
    minDurationMs: options.minDuration,
    search: options.search,
    limit: options.limit,
  });
  terminal.list(page.items, ['id', 'function', 'version', 'trigger', 'status', 'start', 'total', 'when'], (item) => [
    item.id,
    item.functionName,
    String(item.version),
    item.trigger,
    item.status,
    item.start,
    item.timing === null ? '-' : `${item.timing.totalMs.toFixed(1)} ms`,
    ago(item.createdAt),
  ]);
  if (page.leftOutAt !== null) {
    terminal.say(
      `not every call is listed: until ${ago(page.leftOutAt)} more came than are recorded one by one (HEARTH_RECORDS_PER_SECOND); failed, cold and slow ones all are`,
    );
  }
}
