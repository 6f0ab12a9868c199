import type { LogLine, LogQuery } from '../../../shared/api/invocations.ts';
import type { InvocationId } from '../../../shared/ids.ts';
import type { LogScope } from '../../core/ports/log-sink.ts';
import type { ApiContext } from '../context.ts';
import type { EventStream } from '../sse.ts';

/** Pages read to catch up after `Last-Event-ID`; a reader further behind is told that lines were skipped. */
const maxCatchUpPages = 50;

/** Ids ascend; they compare by length first, so that numbers without leading zeros do too. */
const isAfter = (id: string, other: string) => (id.length === other.length ? id > other : id.length > other.length);

/**
 * Streams log lines: first those after `Last-Event-ID` (or the newest page), then new ones as they come, each once and in
 * order. Lines that arrive while the first ones are read wait.
 */
export async function followLogs(
  context: ApiContext,
  stream: EventStream,
  of: LogScope,
  query: LogQuery,
  lastEventId: string | undefined,
): Promise<void> {
  const waiting: LogLine[] = [];
  let isCaughtUp = false;
  let lastId = lastEventId ?? '';
  const send = (line: LogLine) => {
    if (lastId !== '' && !isAfter(line.id, lastId)) return;
    lastId = line.id;
    stream.send('log', line.id, line);
  };
  const filter = {
    ...of,
    invocationId: query.invocation as InvocationId | undefined,
    level: query.level,
    search: query.search,
  };
  const unsubscribe = context.logs.subscribe(filter, (lines, skipped) => {
    if (skipped > 0) stream.noteSkipped(skipped);
    if (isCaughtUp) for (const line of lines) send(line);
    else if (waiting.length + lines.length <= 10_000) waiting.push(...lines);
    else stream.noteSkipped(lines.length);
  });
  stream.onClose(unsubscribe);
  let cursor = lastEventId ?? query.cursor;
  for (let page = 0; page < maxCatchUpPages && !stream.isClosed; page++) {
    const past = await context.logs.query(of, { ...query, follow: undefined, cursor });
    for (const line of past.items) send(line);
    // Without a cursor the first page is the newest one, and what comes after it comes live.
    if (past.nextCursor === null || cursor === undefined) break;
    cursor = past.nextCursor;
  }
  isCaughtUp = true;
  for (const line of waiting.splice(0)) send(line);
}
