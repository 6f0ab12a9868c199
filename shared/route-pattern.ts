import { PlatformError } from './errors.ts';

type PatternSegment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'rest' };

export interface RoutePattern {
  readonly segments: readonly PatternSegment[];
  /** Names of the `:params` in order. */
  readonly paramNames: readonly string[];
}

/** A request path, cut at its slashes and decoded. */
export interface SplitPath {
  readonly segments: readonly string[];
  readonly hasTrailingSlash: boolean;
}

const maxPatternSegments = 32;
const paramName = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const forbiddenParamNames: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

function badRoute(path: string, reason: string): PlatformError {
  return new PlatformError('invalid_request', 'bad_route', `route ${JSON.stringify(path)}: ${reason}`);
}

/** Slash, backslash, NUL and other control characters never come out of decoding a segment, and `.` and `..` are no names. */
function isPlainSegment(text: string): boolean {
  if (text === '.' || text === '..') return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f || code === 0x2f || code === 0x5c) return false;
  }
  return true;
}

function decodeSegment(raw: string): string | undefined {
  let text = raw;
  if (raw.includes('%')) {
    try {
      text = decodeURIComponent(raw);
    } catch {
      return undefined;
    }
  }
  return isPlainSegment(text) ? text : undefined;
}

/**
 * Cuts and decodes a request path (no query) in one pass. Undefined: bad percent-encoding, an encoded slash or
 * backslash, a control character, or a `.` or `..` segment in any encoding. Such a path matches nothing.
 */
export function splitPath(path: string): SplitPath | undefined {
  if (path.charCodeAt(0) !== 0x2f) return undefined;
  const segments: string[] = [];
  let start = 1;
  while (start < path.length) {
    const slash = path.indexOf('/', start);
    const end = slash === -1 ? path.length : slash;
    const segment = decodeSegment(path.slice(start, end));
    if (segment === undefined) return undefined;
    segments.push(segment);
    start = end + 1;
  }
  return { segments, hasTrailingSlash: path.endsWith('/') };
}

/** The name of a parameter, `:name`. */
function parseParam(path: string, text: string): string {
  const name = text.slice(1);
  if (!paramName.test(name)) {
    throw badRoute(path, `${JSON.stringify(text)} is no parameter; use letters, digits and _, for example :id`);
  }
  if (forbiddenParamNames.has(name)) throw badRoute(path, `:${name} is a word of JavaScript; choose another name`);
  return name;
}

/**
 * Reads a route as a deployer writes it: literal segments, `:name` for one segment, a last `*` for the rest. A trailing
 * slash means nothing. Throws `invalid_request`/`bad_route`.
 */
export function parseRoutePattern(path: string): RoutePattern {
  const split = splitPath(path);
  if (split === undefined) throw badRoute(path, 'it must begin with / and have no ., .. or encoded slashes');
  if (split.segments.length > maxPatternSegments) throw badRoute(path, `at most ${maxPatternSegments} segments`);
  const segments: PatternSegment[] = [];
  const paramNames: string[] = [];
  for (const [index, text] of split.segments.entries()) {
    if (text === '*') {
      if (index !== split.segments.length - 1) throw badRoute(path, '* may only be the last segment');
      segments.push({ kind: 'rest' });
    } else if (text.startsWith(':')) {
      const name = parseParam(path, text);
      if (paramNames.includes(name)) throw badRoute(path, `:${name} appears twice`);
      paramNames.push(name);
      segments.push({ kind: 'param', name });
    } else if (text === '') {
      throw badRoute(path, 'empty segments are not allowed');
    } else {
      segments.push({ kind: 'literal', text });
    }
  }
  return { segments, paramNames };
}
