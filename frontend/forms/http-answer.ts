import type { HttpAnswer } from '../api/request-call.ts';
import { prettyJson } from '../util/format.ts';

/** Bytes of a body from which on it is only downloaded: a page with more of it can hardly be scrolled. */
const mostShownBytes = 512 * 1024;

/** A body to read: JSON laid out, other text as it is. Undefined with the reason when it cannot be shown. */
export function shownBody({ body }: Pick<HttpAnswer, 'body'>): { readonly text: string } | { readonly reason: string } {
  if (body.length > mostShownBytes) return { reason: 'The body is too large to be shown here.' };
  // A NUL is valid UTF-8 and no part of any text.
  if (body.includes(0)) return { reason: 'The body is no text.' };
  try {
    return { text: prettyJson(new TextDecoder('utf-8', { fatal: true }).decode(body)) };
  } catch {
    return { reason: 'The body is no text.' };
  }
}

const endings: Readonly<Record<string, string>> = { plain: 'txt', jpeg: 'jpg', 'svg+xml': 'svg', gzip: 'gz' };

/** The name of a file with the body: the function's, with an ending for what it says it is. */
export function answerFileName(functionName: string, contentType: string | undefined): string {
  const kind = /^[\w.-]+\/([\w.+-]+)/.exec(contentType ?? '')?.[1]?.toLowerCase() ?? '';
  const ending = endings[kind] ?? (/^[a-z\d]{1,5}$/.test(kind) ? kind : 'bin');
  return `${functionName}.${ending}`;
}
