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
const keptLines = 100_000;
/** How often stored lines are asked for again where they cannot be followed. */
const pollMs = 3000;

export interface LogTailOptions {
  /** Undefined: all functions. */
  readonly functionName: string | undefined;
  /** In the language of shared/log-filter.ts; valid. The platform applies it, so that old lines are found too. */
  readonly filter: string;
  /** False: lines are asked for again and again, for filters that cannot be followed. */
  readonly canFollow: boolean;
}

/** The newest lines that the filter lets through, then every new one as it is written. Updates come at most once a frame. */
export function useLogTail({ functionName, filter, canFollow }: LogTailOptions): LogTail {
  const api = useApi();
  const buffer = useRef(new LogBuffer({ capacity: keptLines }));
  const [snapshot, setSnapshot] = useState<LogSnapshot>(buffer.current.snapshot);
  const [state, setState] = useState<StreamState>('connecting');
  const [skipped, setSkipped] = useState(0);
  const [error, setError] = useState<ServerError | undefined>();

  useEffect(() => {
    const lines = new LogBuffer({ capacity: keptLines });
    buffer.current = lines;
    setSnapshot(lines.snapshot);
    setSkipped(0);
    setError(undefined);
    setState('connecting');
    let timer: ReturnType<typeof setTimeout> | undefined;
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
        query: { follow: 1, filter },
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
    const start = async (): Promise<void> => {
      const page = await api.logs(functionName, { limit: 200, filter }, abort.signal);
      lines.add(page.items.toSorted((a, b) => compareIds(a.id, b.id)));
      show();
      if (abort.signal.aborted) return;
      if (canFollow) follow();
      else {
        setState('open');
        timer = setTimeout(run, pollMs);
      }
    };
    function run(): void {
      start().catch((thrown: unknown) => {
        if (!abort.signal.aborted) setError(processServerError(thrown));
      });
    }
    run();
    return () => {
      abort.abort();
      clearTimeout(timer);
      stop?.();
      cancelAnimationFrame(frame);
    };
  }, [api, functionName, filter, canFollow]);

  const clear = () => {
    buffer.current.clear();
    setSnapshot(buffer.current.snapshot);
  };
  return { ...snapshot, skipped, state, error, clear };
}
