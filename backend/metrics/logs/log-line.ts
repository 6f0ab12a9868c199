import type { LogLine, LogQuery } from '../../../shared/api/invocations.ts';
import type { LogHistogramQuery } from '../../../shared/api/log-histogram.ts';
import { hourMs } from '../../../shared/durations.ts';
import { PlatformError } from '../../../shared/errors.ts';
import type { InvocationId } from '../../../shared/ids.ts';
import { type LogFilterTerms, levelsAndAbove, logLevels } from '../../../shared/log-filter.ts';
import { projectOf, shortNameOf } from '../../../shared/names.ts';
import type { LogEntry, LogScope } from '../../core/ports/log-sink.ts';
import type { LogCountFilter, LogLineFilter, LogPageFilter, StoredLogLine } from '../../core/ports/log-store.ts';

/** Enough for 2^53, so that ids sort as texts in the order of arrival. */
const idDigits = 16;
const idPattern = /^\d{16}$/;

export function idOfSeq(seq: number): string {
  return String(seq).padStart(idDigits, '0');
}

/** Rejects what is no id of a log line, as `invalid_request`/`bad_cursor`. */
function seqOfId(id: string): number {
  const seq = Number(id);
  if (!idPattern.test(id) || !Number.isSafeInteger(seq)) {
    throw new PlatformError(
      'invalid_request',
      'bad_cursor',
      'The cursor is not the id of a log line. Leave it out to start anew.',
    );
  }
  return seq;
}

export function toLogLine(line: StoredLogLine): LogLine {
  return {
    id: idOfSeq(line.seq),
    at: new Date(line.at).toISOString(),
    functionName: shortNameOf(line.functionName),
    version: line.version,
    invocationId: line.invocationId ?? null,
    instanceId: line.instanceId ?? null,
    level: line.level,
    stream: line.stream,
    text: line.text,
  };
}

/** This level and above; undefined where that is all of them. */
export function levelsFrom(level: LogEntry['level'] | undefined): readonly LogEntry['level'][] | undefined {
  return level === undefined || level === 'debug' ? undefined : levelsAndAbove(level);
}

/** Whether a line is what the terms say; the status of its call is not known here. */
export function fitsTerms(terms: LogFilterTerms | undefined, line: LogEntry): boolean {
  if (terms === undefined) return true;
  const { version, stream, invocationId, level } = terms;
  return (
    (version === undefined || line.version === version) &&
    (stream === undefined || line.stream === stream) &&
    (invocationId === undefined || line.invocationId === invocationId) &&
    (level === undefined || logLevels.indexOf(line.level) >= logLevels.indexOf(level)) &&
    terms.texts.every((text) => containsText(line.text, text)) &&
    !terms.notTexts.some((text) => containsText(line.text, text))
  );
}

/** What both kinds of queries ask of each line. */
function lineFilter(of: LogScope, query: LogQuery | LogHistogramQuery): Omit<LogLineFilter, 'since' | 'until'> {
  return {
    ...of,
    invocationId: query.invocation as InvocationId | undefined,
    levels: levelsFrom(query.level),
    search: query.search === '' ? undefined : query.search,
  };
}

/** A query of the API as the store takes it: from the end, unless it says where to begin. */
export function toStoreFilter(of: LogScope, query: LogQuery): LogPageFilter {
  const since = timeOf(query.since, 'since');
  return {
    ...lineFilter(of, query),
    since,
    until: timeOf(query.until, 'until'),
    afterSeq: query.cursor === undefined ? undefined : seqOfId(query.cursor),
    beforeSeq: query.before === undefined ? undefined : seqOfId(query.before),
    // One more than asked for says whether there is a next page.
    limit: query.limit + 1,
    fromEnd: query.before !== undefined || (since === undefined && query.cursor === undefined),
  };
}

/** The same for a histogram. Throws `invalid_request`/`bad_range`. */
export function toCountFilter(of: LogScope, query: LogHistogramQuery, now: number): LogCountFilter {
  const until = timeOf(query.until, 'until') ?? now;
  const since = timeOf(query.since, 'since') ?? until - hourMs;
  if (since > until) {
    throw new PlatformError('invalid_request', 'bad_range', '`since` must not be after `until`.');
  }
  return {
    ...lineFilter(of, query),
    since,
    until,
    maxSteps: query.steps,
  };
}

/** Whether the store would give this line; for lines that it does not have yet. */
export function matches(filter: LogLineFilter & Partial<LogPageFilter>, line: StoredLogLine): boolean {
  const { functionId, invocationId, since, until, afterSeq, beforeSeq } = filter;
  return (
    (filter.project === undefined || projectOf(line.functionName) === filter.project) &&
    (functionId === undefined || line.functionId === functionId) &&
    (invocationId === undefined || line.invocationId === invocationId) &&
    (filter.levels === undefined || filter.levels.includes(line.level)) &&
    (since === undefined || line.at >= since) &&
    (until === undefined || line.at <= until) &&
    (afterSeq === undefined || line.seq > afterSeq) &&
    (beforeSeq === undefined || line.seq < beforeSeq) &&
    containsText(line.text, filter.search) &&
    // The status of its call is in the store, as the line soon will be.
    filter.terms?.status === undefined &&
    fitsTerms(filter.terms, line)
  );
}

/** Plain text, without regard to upper and lower case of ASCII letters, as SQL's LIKE. */
export function containsText(text: string, search: string | undefined): boolean {
  return search === undefined || search === '' || lowerAscii(text).includes(lowerAscii(search));
}

function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function timeOf(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const at = Date.parse(text);
  if (Number.isNaN(at))
    throw new PlatformError('invalid_request', 'bad_time', `\`${name}\` is not a time such as 2030-01-01T00:00:00Z.`);
  return at;
}
