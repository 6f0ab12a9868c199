import { useEffect, useRef, useState } from 'react';
import type { LogLine } from '../../shared/api/invocations.ts';
import { apiPaths } from './api.ts';
import { useApi } from './context.tsx';
import type { StreamEvent } from './event-stream.ts';
import { followEvents, type StreamState } from './follow.ts';
import { compareIds, LogBuffer, type LogSnapshot } from './log-buffer.ts';
import { processServerError, type ServerError } from './server-error.ts';

export interface LogTail extends LogSnapshot {
  /** Lines that the platform left out, because this reader was too slow for them. */
  readonly skipped: number;
  readonly state: StreamState;
  readonly error: ServerError | undefined;
  readonly clear: () => void;
}

function parseLine(data: string): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null && 'id' in value && 'text' in value
      ? (value as LogLine)
      : undefined;
  } catch {
    return undefined;
  }
}

function skippedIn(events: readonly StreamEvent[]): number {
  let count = 0;
  for (const { event, data } of events) {
    const found = event === 'skipped' ? data.match(/"skipped":\s*(\d+)/)?.[1] : undefined;
    count += Number(found ?? 0);
  }
  return count;
}

/** What a tab keeps: enough to read back, little enough to stay fast. */
const keptLines = 50_000;

/** The newest lines of a function, then every new one as it is written. Updates come at most once a frame. */
export function useLogTail(functionName: string): LogTail {
  const api = useApi();
  const buffer = useRef(new LogBuffer({ capacity: keptLines }));
  const [snapshot, setSnapshot] = useState<LogSnapshot>(buffer.current.snapshot);
  const [state, setState] = useState<StreamState>('connecting');
  const [skipped, setSkipped] = useState(0);
  const [error, setError] = useState<ServerError | undefined>();

  useEffect(() => {
    const lines = new LogBuffer({ capacity: keptLines });
    buffer.current = lines;
    const abort = new AbortController();
    let stop: (() => void) | undefined;
    let frame = 0;
    const show = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        setSnapshot(lines.snapshot);
      });
    };
    const follow = () => {
      stop = followEvents({
        client: api.client,
        path: apiPaths.logs(functionName),
        query: { follow: 1 },
        ...(lines.lastId === '' ? {} : { lastEventId: lines.lastId }),
        onState: setState,
        onRefused: (refused) => setError(processServerError(refused)),
        onEvents: (events) => {
          const missed = skippedIn(events);
          if (missed > 0) setSkipped((before) => before + missed);
          const parsed = events.map((event) => parseLine(event.data)).filter((line) => line !== undefined);
          if (lines.add(parsed)) show();
        },
      });
    };
    api
      .logs(functionName, { limit: 200 }, abort.signal)
      .then((page) => {
        lines.add(page.items.toSorted((a, b) => compareIds(a.id, b.id)));
        show();
        follow();
      })
      .catch((thrown: unknown) => {
        if (!abort.signal.aborted) setError(processServerError(thrown));
      });
    return () => {
      abort.abort();
      stop?.();
      cancelAnimationFrame(frame);
    };
  }, [api, functionName]);

  const clear = () => {
    buffer.current.clear();
    setSnapshot(buffer.current.snapshot);
  };
  return { ...snapshot, skipped, state, error, clear };
}
