import { PlatformError } from '../../shared/errors.ts';
import { jsonErrorPosition } from './json-position.ts';

const maxDepth = 64;

const badJson = (message: string) => new PlatformError('invalid_request', 'bad_json', message);

/**
 * Parses JSON that a caller sent. Throws `invalid_request`/`bad_json` with the position of a syntax error, and refuses what
 * could hurt code that handles the value later: nesting deeper than 64 levels, and the keys that reach prototypes.
 */
export function parseJson(text: string): unknown {
  const value = parseAnyJson(text, 'the body');
  checkShape(value);
  return value;
}

/** The same for JSON of any shape. `what` is its name in the message. Throws `invalid_request`/`bad_json`. */
export function parseAnyJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badJson(`${what} is not valid JSON: ${describePosition(text)}`);
  }
}

/** For JSON that goes on as bytes. Throws `invalid_request`/`bad_json` unless it is JSON in UTF-8, without a byte order mark. */
export function checkJsonBytes(bytes: Uint8Array, what: string): void {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw badJson(`${what} is not text in UTF-8`);
  }
  parseAnyJson(text, what);
}

/** Where a text stops being JSON, for a message; nothing of the text itself is repeated. */
function describePosition(text: string): string {
  if (text.trim() === '') return 'it is empty';
  const position = jsonErrorPosition(text);
  if (position >= text.length) return `it ends too early, after ${text.length} characters`;
  const before = text.slice(0, position);
  const line = before.split('\n').length;
  const column = before.length - before.lastIndexOf('\n');
  return `unexpected content at position ${position} (line ${line}, column ${column})`;
}

/** Walks without recursion, so that depth cannot overflow the stack before it is found to be too deep. */
export function checkShape(root: unknown): void {
  const stack: { readonly value: unknown; readonly depth: number }[] = [{ value: root, depth: 0 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value, depth } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth >= maxDepth) throw badJson(`the JSON is nested deeper than ${maxDepth} levels`);
    if (!Array.isArray(value)) checkKeys(value);
    for (const child of Object.values(value)) {
      if (typeof child === 'object') stack.push({ value: child, depth: depth + 1 });
    }
  }
}

function checkKeys(value: object): void {
  const constructed: unknown = Object.hasOwn(value, 'constructor') ? Reflect.get(value, 'constructor') : undefined;
  const reachesPrototype =
    typeof constructed === 'object' && constructed !== null && Object.hasOwn(constructed, 'prototype');
  if (Object.hasOwn(value, '__proto__')) throw badJson('the JSON has the key "__proto__", which is not allowed');
  if (reachesPrototype) throw badJson('the JSON has the key "constructor" with "prototype", which is not allowed');
}
