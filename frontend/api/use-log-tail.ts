import { useEffect, useRef, useState } from 'react';
import type { LogLine } from '../../shared/api/invocations.ts';
import { apiPaths } from './api.ts';
import { useApi } from './context.tsx';
import { followEvents, type StreamState } from './follow.ts';
import { LogBuffer, type LogSnapshot } from './log-buffer.ts';
import { processServerError, type ServerError } from './server-error.ts';

export interface LogTail extends LogSnapshot {
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

/** What a tab keeps: enough to read back, little enough to stay fast. */
const keptLines = 50_000;

/** The newest lines of a function, then every new one as it is written. Updates come at most once a frame. */
export function useLogTail(functionName: string): LogTail {
  const api = useApi();
  const buffer = useRef(new LogBuffer({ capacity: keptLines }));
  const [snapshot, setSnapshot] = useState<LogSnapshot>(buffer.current.snapshot);
  const [state, setState] = useState<StreamState>('connecting');
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
          const parsed = events.map((event) => parseLine(event.data)).filter((line) => line !== undefined);
          if (lines.add(parsed)) show();
        },
      });
    };
    api
      .logs(functionName, { limit: 200 }, abort.signal)
      .then((page) => {
        lines.add(page.items.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.id < b.id ? -1 : 1)));
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
  return { ...snapshot, state, error, clear };
}
