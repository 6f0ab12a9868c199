import { invocationDetailSchema } from '../../shared/api/invocations.ts';
import { bodyOffset, httpResponseHeadSchema } from '../../shared/http-message.ts';
import { invocationPath } from '../api-paths.ts';
import type { CliContext } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { printLogLine } from '../log-lines.ts';
import { printable } from '../terminal.ts';

/** What a function answered with. */
export interface FunctionAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

/** The whole response of a function that was sent a request. Rejects with CliError when the platform answered with no message. */
export async function answerOfMessage(response: Response): Promise<FunctionAnswer> {
  const message = Buffer.from(await response.arrayBuffer());
  const start = bodyOffset(message);
  if (start === undefined)
    throw new CliError(exitCodes.failure, "the platform's answer is no HTTP message", {
      hint: 'Use the CLI that came with the platform.',
    });
  const head = httpResponseHeadSchema.parse(JSON.parse(message.toString('utf8', 0, start)));
  return { ...head, body: message.subarray(start) };
}

/** The status line and the headers, as curl shows them. */
export function sayHead({ terminal }: CliContext, { status, headers }: Omit<FunctionAnswer, 'body'>, text = ''): void {
  const lines = [`HTTP/1.1 ${status} ${text}`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  for (const line of lines) terminal.say(terminal.style('dim', printable(line.trimEnd())));
  terminal.say('');
}

/** What a function printed in one call. */
export async function printLogs({ client, terminal }: CliContext, id: string): Promise<void> {
  const detail = await client.get(invocationPath(id), invocationDetailSchema);
  for (const line of detail.logs) terminal.say(printLogLine(terminal, line, false));
}

/** What `--json` gives of a call that was answered; docs/cli.md has its fields. */
export function callDocument({ headers }: Response, body: Buffer, contentType: string | null) {
  const phases = [...(headers.get('server-timing') ?? '').matchAll(/([\w-]+);dur=([\d.]+)/g)];
  return {
    id: headers.get('hearth-invocation-id'),
    status: 'success',
    start: headers.get('hearth-start'),
    timing: Object.fromEntries(phases.map(([, phase, ms]) => [`${phase}Ms`, Number(ms)])),
    contentType,
    ...resultOf(body, contentType ?? ''),
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
