import { headLine, requestObstacle, type WrittenHead } from '../../shared/written-request.ts';
import type { CliContext } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { bytesFrom, type EventOptions } from './event-input.ts';

/** How an HTTP request is given, as curl takes one. */
export interface HttpOptions extends EventOptions {
  readonly method?: string;
  readonly path?: string;
  readonly header?: readonly string[];
}

/** Whether the options ask for an HTTP request, and not for an event. */
export const isRequest = ({ method, path, header }: HttpOptions): boolean =>
  method !== undefined || path !== undefined || header !== undefined;

/** One more `--header`, for commander. */
export const collectHeader = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** The message that the request of the options is. Fails with `usage` for what the platform would not take. */
export async function messageFrom(context: CliContext, options: HttpOptions): Promise<Uint8Array<ArrayBuffer>> {
  const hasBody = options.data !== undefined || options.file !== undefined;
  const head: WrittenHead = {
    method: (options.method ?? (hasBody ? 'POST' : 'GET')).toUpperCase(),
    path: options.path ?? '/',
    headers: (options.header ?? []).map(headerOf),
  };
  const obstacle = requestObstacle(head);
  if (obstacle !== undefined) throw new CliError(exitCodes.usage, obstacle);
  const body = (await bytesFrom(context, options)) ?? '';
  return new Uint8Array(Buffer.concat([Buffer.from(headLine(head)), Buffer.from(body)]));
}

function headerOf(text: string): readonly [string, string] {
  const [, name, value] = /^([^:\s]+):[ \t]*(.*?)[ \t]*$/s.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return [name, value];
  throw new CliError(exitCodes.usage, `--header ${text}: write for example -H 'accept: text/plain'`);
}
