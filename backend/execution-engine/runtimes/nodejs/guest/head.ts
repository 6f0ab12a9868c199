import type { HeadJson } from './call.ts';
import { NamedError } from './errors.ts';
import { stringifyJson } from './originals.ts';

const namePattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/;
const maxHeaders = 100;
const maxHeaderBytes = 16_384;

const invalid = (message: string) => new NamedError('InvalidResponse', message);

/** The head of what an event handler returned for an API call. */
export const eventHead: HeadJson = '{"status":200,"headers":["content-type","application/json"],"event":true';
/** The head of a plain value for an HTTP call. */
export const jsonHead: HeadJson = '{"status":200,"headers":["content-type","application/json"]';

/** Checks what the host would refuse, and says which header it was. `headers`: name, value, name, value … */
export function headJson(status: unknown, headers: readonly string[]): HeadJson {
  const code = typeof status === 'string' && /^\d{3}$/.test(status) ? Number(status) : status;
  if (typeof code !== 'number' || !Number.isInteger(code) || code < 200 || code > 599)
    throw invalid(`the status ${String(status)} is not a whole number from 200 to 599`);
  return checkedHead(code, headers);
}

/** The head that accepts a WebSocket. */
export function upgradeHead(headers: readonly string[]): HeadJson {
  return checkedHead(101, headers);
}

function checkedHead(code: number, headers: readonly string[]): HeadJson {
  if (headers.length > maxHeaders * 2)
    throw invalid(`there are ${headers.length / 2} headers; at most ${maxHeaders} can be sent`);
  let bytes = 0;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    bytes += name.length + value.length;
    if (!namePattern.test(name)) throw invalid(`${stringifyJson(name)} is not a legal header name`);
    if (!valuePattern.test(value))
      throw invalid(`the value of header ${name} has characters that HTTP does not allow; percent-encode it`);
  }
  if (bytes > maxHeaderBytes) throw invalid(`the headers have ${bytes} bytes; at most ${maxHeaderBytes} can be sent`);
  return `{"status":${code},"headers":${stringifyJson(headers)}`;
}

/** Headers of a Lambda-style result (an object, a Map, Headers or pairs) as a flat list; arrays become several headers. */
export function flatHeaders(headers: unknown, cookies: unknown): string[] {
  const flat: string[] = [];
  for (const [name, value] of headerEntries(headers)) {
    if (value === undefined || value === null) continue;
    for (const item of Array.isArray(value) ? value : [value]) flat.push(String(name), String(item));
  }
  if (cookies === undefined || cookies === null) return flat;
  if (!Array.isArray(cookies)) throw invalid(`cookies is of type ${typeof cookies}; it must be an array`);
  for (const cookie of cookies) flat.push('set-cookie', String(cookie));
  return flat;
}

function headerEntries(headers: unknown): readonly (readonly [unknown, unknown])[] {
  if (headers === undefined || headers === null) return [];
  if (typeof headers === 'object') {
    if (!(Symbol.iterator in headers)) return Object.entries(headers);
    const pairs = [...(headers as Iterable<unknown>)];
    if (pairs.every((pair): pair is [unknown, unknown] => Array.isArray(pair) && pair.length === 2)) return pairs;
  }
  throw invalid('headers must be an object of names and values, or pairs of them');
}

export function hasHeader(headers: readonly string[], name: string): boolean {
  for (let i = 0; i < headers.length; i += 2) if ((headers[i] as string).toLowerCase() === name) return true;
  return false;
}
