import { maxLogFilterChars } from './log-filter.ts';

/** What a stream of `GET /api/v1/events` can carry, and how topics are written. */
export type Topic =
  | { readonly kind: 'metrics'; readonly functionName: string | undefined }
  | { readonly kind: 'logs'; readonly functionName: string | undefined; readonly filter: string; readonly tail: number }
  | { readonly kind: 'deployments' }
  | { readonly kind: 'alerts' };

/** Longer than any topic with a filter of the greatest length, each character of it escaped. */
export const maxTopicChars = maxLogFilterChars * 12 + 128;
export const maxTopics = 16;
/** Each costs a look at every line that is written. */
export const maxLogTopics = 4;
const maxTail = 200;
const defaultTail = 50;

/** Undefined for what is no topic. A function's name is not looked at here. */
export function parseTopic(text: string): Topic | undefined {
  if (text.length > maxTopicChars) return undefined;
  const [head = '', query] = splitAt(text, '?');
  const [noun, functionName] = splitAt(head, ':');
  if (functionName === '') return undefined;
  if (noun === 'logs') return parseLogs(functionName, query);
  if (query !== undefined) return undefined;
  if (noun === 'metrics') return { kind: 'metrics', functionName };
  if (functionName !== undefined) return undefined;
  return noun === 'deployments' || noun === 'alerts' ? { kind: noun } : undefined;
}

/** `logs`, `logs:hello`, `logs:hello?filter=level%3Aerror&tail=200`. */
export function logTopic(
  functionName: string | undefined,
  options: { readonly filter?: string; readonly tail?: number } = {},
): string {
  const query = new URLSearchParams();
  if (options.filter) query.set('filter', options.filter);
  if (options.tail !== undefined) query.set('tail', String(options.tail));
  const head = functionName === undefined ? 'logs' : `logs:${functionName}`;
  return query.size === 0 ? head : `${head}?${query}`;
}

function parseLogs(functionName: string | undefined, query: string | undefined): Topic | undefined {
  const params = new URLSearchParams(query);
  const tail = params.get('tail');
  if ([...params.keys()].some((key) => key !== 'filter' && key !== 'tail')) return undefined;
  if (tail !== null && !/^\d{1,3}$/.test(tail)) return undefined;
  if (Number(tail) > maxTail) return undefined;
  return {
    kind: 'logs',
    functionName,
    filter: params.get('filter') ?? '',
    tail: tail === null ? defaultTail : Number(tail),
  };
}

function splitAt(text: string, mark: string): readonly [string, string | undefined] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
