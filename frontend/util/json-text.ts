import { jsonError } from './json-error.ts';

/**
 * JSON with where each part stands in its text, so that one value can be changed and everything else stays as somebody wrote
 * it: layout, and numbers that JavaScript cannot hold.
 */
export type JsonNode = JsonObject | JsonArray | JsonScalar;
interface Placed {
  /** Of the first character. */
  readonly start: number;
  /** After the last one. */
  readonly end: number;
}
interface JsonMember extends Placed {
  readonly key: string;
  readonly value: JsonNode;
}
interface JsonObject extends Placed {
  readonly kind: 'object';
  readonly members: readonly JsonMember[];
}
interface JsonArray extends Placed {
  readonly kind: 'array';
  readonly items: readonly JsonNode[];
}
interface JsonScalar extends Placed {
  readonly kind: 'scalar';
}

export type JsonPath = readonly (string | number)[];

const maxDepth = 100;
const tokenPattern = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},:]|[^\s[\]{},:"]+/g;
type Token = Placed & { readonly token: string };

/** Undefined when the text is not JSON, or nested deeper than a hundred levels. */
export function parseJsonText(text: string): JsonNode | undefined {
  if (jsonError(text) !== undefined) return undefined;
  const found = text.matchAll(tokenPattern);
  const next = (): Token => {
    const { value } = found.next();
    const [token = '', start = text.length] = [value?.[0], value?.index];
    return { token, start, end: start + token.length };
  };
  return readNode(next(), next, 0);
}

/** The node that begins with this token, of a text that is known to be JSON. Undefined when it is too deep. */
function readNode({ token, start, end }: Token, next: () => Token, depth: number): JsonNode | undefined {
  if (token !== '{' && token !== '[') return { kind: 'scalar', start, end };
  if (depth >= maxDepth) return undefined;
  const members: JsonMember[] = [];
  const items: JsonNode[] = [];
  for (let at = next(); ; at = next()) {
    if (at.token === '}') return { kind: 'object', start, end: at.end, members };
    if (at.token === ']') return { kind: 'array', start, end: at.end, items };
    if (at.token === ',') continue;
    // The colon.
    if (token === '{') next();
    const value = readNode(token === '{' ? next() : at, next, depth + 1);
    if (value === undefined) return undefined;
    if (token === '[') items.push(value);
    else members.push({ key: JSON.parse(at.token), start: at.start, end: value.end, value });
  }
}

/** What stands in a container under a name or at a place. Of members of one name the last counts, as for every reader of JSON. */
export function childOf(node: JsonNode | undefined, step: string | number): JsonNode | undefined {
  if (node?.kind === 'object') return node.members.findLast(({ key }) => key === step)?.value;
  return node?.kind === 'array' && typeof step === 'number' ? node.items[step] : undefined;
}

const splice = (text: string, start: number, end: number, put: string): string =>
  text.slice(0, start) + put + text.slice(end);

/**
 * The text with another value at a path, and nothing else changed. `raw` is JSON. Objects on the way are made; what stands in
 * the way and is none is replaced. A place in a list is one that it has, or the next one. The text unchanged when it is no JSON.
 */
export function withValue(text: string, path: JsonPath, raw: string): string {
  let node = parseJsonText(text);
  if (node === undefined) return text;
  for (const [depth, step] of path.entries()) {
    const child = childOf(node, step);
    if (child === undefined) return insert(text, node, step, wrapped(path.slice(depth + 1), raw));
    node = child;
  }
  return splice(text, node.start, node.end, indented(raw, indentAt(text, node.start)));
}

/** The text without the member or entry at a path; unchanged when there is none. */
export function withoutValue(text: string, path: JsonPath): string {
  const [last, parent] = [path.at(-1), path.slice(0, -1).reduce<JsonNode | undefined>(childOf, parseJsonText(text))];
  if (last === undefined || parent === undefined || parent.kind === 'scalar') return text;
  const parts: readonly Placed[] = parent.kind === 'object' ? parent.members : parent.items;
  const at = parent.kind === 'object' ? parent.members.findLastIndex(({ key }) => key === last) : Number(last);
  const part = parts[at];
  if (part === undefined) return text;
  const [before, after] = [parts[at - 1], parts[at + 1]];
  if (before !== undefined) return splice(text, before.end, part.end, '');
  if (after !== undefined) return splice(text, part.start, after.start, '');
  return splice(text, parent.start + 1, parent.end - 1, '');
}

/** A value with the containers around it that a path names. */
const wrapped = (path: JsonPath, raw: string): string =>
  path.reduceRight<string>((inner, step) => {
    const text = `\n  ${typeof step === 'number' ? '' : `${JSON.stringify(step)}: `}${indented(inner, '  ')}\n`;
    return typeof step === 'number' ? `[${text}]` : `{${text}}`;
  }, raw);

/** Spaces at the beginning of the line in which a place is. */
const indentAt = (text: string, place: number): string =>
  /^[ \t]*/.exec(text.slice(text.lastIndexOf('\n', place - 1) + 1, place))?.[0] ?? '';

/** JSON has no line ends within its strings: all are layout. */
const indented = (raw: string, indent: string): string => raw.replaceAll('\n', `\n${indent}`);

/** Laid out like its last neighbour; the first one of a container on a line of its own. */
function insert(text: string, node: JsonNode, step: string | number, raw: string): string {
  if (node.kind === 'scalar' || (node.kind === 'array') !== (typeof step === 'number'))
    return splice(text, node.start, node.end, indented(wrapped([step], raw), indentAt(text, node.start)));
  const parts: readonly Placed[] = node.kind === 'object' ? node.members : node.items;
  const last = parts.at(-1);
  if (last === undefined)
    return splice(text, node.start, node.end, indented(wrapped([step], raw), indentAt(text, node.start)));
  const space = /\s*$/.exec(text.slice(parts.at(-2)?.end ?? node.start, last.start))?.[0] ?? '';
  const colon =
    node.kind === 'object'
      ? (/^"[^"\\]*(?:\\.[^"\\]*)*"(\s*:\s*)/.exec(text.slice(last.start, last.end))?.[1] ?? ': ')
      : '';
  const name = node.kind === 'object' ? JSON.stringify(step) + colon : '';
  return splice(text, last.end, last.end, `,${space}${name}${indented(raw, indentAt(text, last.start))}`);
}
