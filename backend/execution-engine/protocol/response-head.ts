import { hopByHopHeaders } from '../../../shared/hop-by-hop.ts';
import type { ResponseHead } from '../../core/invocation.ts';
import type { ResponseMeta } from './messages.ts';

const maxHeaders = 100;
const maxHeaderBytes = 16_384;

/** RFC 9110, 5.6.2: a token. */
const namePattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110, 5.5: visible characters, obs-text, space and tab. */
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/;

/** They would let a function talk to the proxy in front of it. The gateway frames the message itself. */
const hopByHop = new Set(hopByHopHeaders);

export type CheckedHead =
  | { readonly ok: true; readonly head: ResponseHead; readonly contentLength: number | undefined }
  | { readonly ok: false; readonly message: string };

function bad(message: string): CheckedHead {
  return { ok: false, message: `the function's response cannot be sent: ${message}` };
}

const isHopByHop = (name: string) => name.length <= 20 && hopByHop.has(name.toLowerCase());
const isContentLength = (name: string) => name.length === 14 && name.toLowerCase() === 'content-length';

/**
 * Checks status and headers as a function gave them and takes hop-by-hop headers out. `contentLength` is what the function
 * promised; the connection holds it to that, because a wrong one would desynchronise whatever proxies sit in front. Only who asked
 * for a WebSocket may be answered 101.
 */
export function checkHead(meta: ResponseMeta, mayUpgrade = false): CheckedHead {
  const { status, headers } = meta;
  if ((status < 200 || status > 599) && !(mayUpgrade && status === 101))
    return bad(`status ${status} is not between 200 and 599`);
  if (headers.length > maxHeaders * 2) return bad(`${headers.length / 2} headers; at most ${maxHeaders} are allowed`);
  let bytes = 0;
  let contentLength: number | undefined;
  let stripped: string[] | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    bytes += name.length + value.length;
    if (!namePattern.test(name)) return bad(`${JSON.stringify(name.slice(0, 64))} is not a header name`);
    if (!valuePattern.test(value)) return bad(`header ${name} contains characters that HTTP does not allow`);
    if (isHopByHop(name)) {
      stripped ??= headers.slice(0, i);
      continue;
    }
    if (isContentLength(name)) {
      if (!/^\d{1,15}$/.test(value) || contentLength !== undefined) return bad('content-length is not one number');
      contentLength = Number(value);
    }
    stripped?.push(name, value);
  }
  if (bytes > maxHeaderBytes) return bad(`${bytes} bytes of headers; at most ${maxHeaderBytes} are allowed`);
  return { ok: true, head: { status, headers: stripped ?? headers, isEventResult: meta.event }, contentLength };
}
