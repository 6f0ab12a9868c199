import { draftVersion } from './drafts.ts';

/**
 * The filter language of logs, the same in the API (`?filter=`), the CLI (`hearth logs --filter`) and the dashboard:
 * terms between spaces, all of which have to hold.
 *
 *   level:warn            this level and above (debug, info, warn, error)
 *   fn:api                lines of one function (also function:)
 *   version:3             of one version; version:draft of drafts
 *   invocation:inv_…      of one invocation (also inv:)
 *   stream:stderr         stdout, stderr or platform
 *   status:>=500          of calls that ended with such an HTTP status; also status:404, status:5xx, status:<400
 *   "any text" word       lines that contain it, without regard to case
 *   -word -"any text"     lines that do not contain it
 */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
type LogLevel = (typeof logLevels)[number];

/** This level and those above it. */
export function levelsAndAbove(level: LogLevel): readonly LogLevel[] {
  return logLevels.slice(logLevels.indexOf(level));
}

const logStreams = ['stdout', 'stderr', 'platform'] as const;
type LogStream = (typeof logStreams)[number];

export interface LogFilterTerms {
  /** This level and above. */
  readonly level: LogLevel | undefined;
  readonly functionName: string | undefined;
  readonly version: number | undefined;
  readonly invocationId: string | undefined;
  readonly stream: LogStream | undefined;
  /** Both included. */
  readonly status: { readonly min: number; readonly max: number } | undefined;
  readonly texts: readonly string[];
  readonly notTexts: readonly string[];
}

export type ParsedLogFilter =
  | { readonly isValid: true; readonly terms: LogFilterTerms }
  | { readonly isValid: false; readonly message: string };

export const maxLogFilterChars = 512;
/** Each text is looked for in every line. */
const maxTexts = 8;

const term = /\s*(-?)(?:([A-Za-z]+):)?(?:"((?:[^"\\]|\\.)*)("?)|([^\s"]+))?/y;

class FilterError extends Error {}

function refuse(message: string): never {
  throw new FilterError(message);
}

/** One of a list of words; anything else is refused with the list. */
function oneOf<Word extends string>(words: readonly Word[], value: string, field: string): Word {
  const found = words.find((word) => word === value.toLowerCase());
  return found ?? refuse(`${field}: takes ${words.join(', ')}; not ${JSON.stringify(value)}`);
}

function statusRange(value: string): { min: number; max: number } {
  const family = /^([1-5])xx$/i.exec(value)?.[1];
  if (family !== undefined) return { min: Number(family) * 100, max: Number(family) * 100 + 99 };
  const match = /^(>=|<=|>|<|=)?([1-5]\d\d)$/.exec(value);
  if (match === null) return refuse(`status: takes 404, 5xx, >=500 or <400; not ${JSON.stringify(value)}`);
  const status = Number(match[2]);
  switch (match[1]) {
    case '>=':
      return { min: status, max: 599 };
    case '>':
      return { min: status + 1, max: 599 };
    case '<=':
      return { min: 100, max: status };
    case '<':
      return { min: 100, max: status - 1 };
    default:
      return { min: status, max: status };
  }
}

type Draft = { -readonly [Key in keyof LogFilterTerms]: LogFilterTerms[Key] } & { texts: string[]; notTexts: string[] };

function addField(draft: Draft, field: string, value: string): void {
  switch (field.toLowerCase()) {
    case 'level':
      draft.level = oneOf(logLevels, value, 'level');
      return;
    case 'fn':
    case 'function':
      draft.functionName = value;
      return;
    case 'version':
      if (!/^(?:draft|[1-9]\d{0,8})$/i.test(value))
        refuse(`version: takes a number or draft; not ${JSON.stringify(value)}`);
      draft.version = /^draft$/i.test(value) ? draftVersion : Number(value);
      return;
    case 'inv':
    case 'invocation':
      draft.invocationId = value;
      return;
    case 'stream':
      draft.stream = oneOf(logStreams, value, 'stream');
      return;
    case 'status':
      draft.status = statusRange(value);
      return;
    default:
      refuse(
        `there is no field ${JSON.stringify(field)}: write level, fn, version, invocation, stream or status, or put text with a colon in quotes`,
      );
  }
}

/** Takes over one term: its sign, field, quoted text (undefined when it has no quotes), closing quote, plain text. */
function addTerm(draft: Draft, match: RegExpExecArray): void {
  const [, minus, field, quoted, closing, bare] = match;
  if (quoted !== undefined && closing === '') refuse('a quotation mark is not closed');
  const value = quoted === undefined ? (bare ?? '') : quoted.replaceAll(/\\(.)/g, '$1');
  if (value === '') refuse(field === undefined ? 'there is an empty term' : `${field}: has no value`);
  if (field === undefined) (minus === '-' ? draft.notTexts : draft.texts).push(value);
  else if (minus === '-') refuse(`only text can be left out with -; not ${field}:`);
  else addField(draft, field, value);
}

function parse(text: string): LogFilterTerms {
  if (text.length > maxLogFilterChars) refuse(`a filter has at most ${maxLogFilterChars} characters`);
  const draft: Draft = {
    level: undefined,
    functionName: undefined,
    version: undefined,
    invocationId: undefined,
    stream: undefined,
    status: undefined,
    texts: [],
    notTexts: [],
  };
  const rest = text.trimEnd();
  term.lastIndex = 0;
  while (term.lastIndex < rest.length) {
    // It goes on: every character begins a term or is in front of one.
    addTerm(draft, term.exec(rest) as RegExpExecArray);
  }
  if (draft.texts.length + draft.notTexts.length > maxTexts) refuse(`a filter has at most ${maxTexts} texts`);
  return draft;
}

/** What a filter says, or in one sentence what is wrong with it. Empty: everything. */
export function parseLogFilter(text: string): ParsedLogFilter {
  try {
    return { isValid: true, terms: parse(text) };
  } catch (error) {
    /* v8 ignore else -- @preserve: a mistake in this file must not look like one in the filter */
    if (error instanceof FilterError) return { isValid: false, message: error.message };
    throw error;
  }
}

/** The same filter with another level, or with none for ''. */
export function withLevel(text: string, level: string): string {
  const rest = text
    .replaceAll(/(^|\s)level:\S*/gi, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return [level === '' ? '' : `level:${level}`, rest].filter(Boolean).join(' ');
}
