import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { Gap, LogEvent } from '../../shared/api/events.ts';
import { logTopic } from '../../shared/topics.ts';
import { useApi, useBackend, useShownProject } from './context.tsx';
import type { LiveState } from './live-events.ts';
import { compareIds, LogBuffer, type LogSnapshot } from './log-buffer.ts';
import { ApiError, processServerError, type ServerError } from './server-error.ts';
import type { TopicEvent } from './topic-table.ts';

export interface LogTail extends LogSnapshot {
  /** Lines that the platform left out, because they came faster than this reader takes them. */
  readonly skipped: number;
  readonly state: LiveState;
  readonly error: ServerError | undefined;
  readonly clear: () => void;
  /** Looks for lines before the first one, until some are found or none are left. Rejects when the platform does. */
  readonly loadOlder: () => Promise<void>;
  /** False: there are none. */
  readonly hasOlder: boolean;
}

/** What a tab keeps: enough to read back, little enough to stay fast. */
const keptLines = 100_000;
/** Lines of the past that are shown first. */
const tail = 200;
/** Pages without a match, of 50,000 lines each, before the person is asked again. */
const maxPagesInVain = 40;
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

const lostIn = (events: readonly TopicEvent[]) =>
  events.reduce((sum, { kind, data }) => (kind === 'gap' ? sum + ((data as Gap).lost ?? 0) : sum), 0);
const linesIn = (events: readonly TopicEvent[]) =>
  events.flatMap(({ kind, data }) => (kind === 'log' ? (data as LogEvent).lines : []));

/** The newest lines that the filter lets through, then every new one as it is written. Updates come at most once a frame. */
export function useLogTail({ functionName, filter, canFollow }: LogTailOptions): LogTail {
  const api = useApi();
  const { events } = useBackend();
  const project = useShownProject();
  const buffer = useRef(new LogBuffer({ capacity: keptLines }));
  const [snapshot, setSnapshot] = useState<LogSnapshot>(buffer.current.snapshot);
  const [skipped, setSkipped] = useState(0);
  const [error, setError] = useState<ServerError | undefined>();
  /** Null: nothing is before that. Undefined: before the first line, wherever that is. */
  const [olderThan, setOlderThan] = useState<string | null | undefined>();
  const state = useSyncExternalStore(events.watch, events.state);

  // biome-ignore lint/correctness/useExhaustiveDependencies: lines of another project are other lines.
  useEffect(() => {
    const lines = new LogBuffer({ capacity: keptLines });
    buffer.current = lines;
    setSnapshot(lines.snapshot);
    setSkipped(0);
    setError(undefined);
    setOlderThan(undefined);
    let frame = 0;
    const show = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        setSnapshot(lines.snapshot);
      });
    };
    const follow = () =>
      events.subscribe(logTopic(functionName, { filter, tail }), {
        onEvents: (arrived) => {
          const lost = lostIn(arrived);
          if (lost > 0) setSkipped((before) => before + lost);
          if (lines.add(linesIn(arrived))) show();
        },
        onRefused: ({ status, code, detail }) => {
          const problem = { type: 'about:blank', title: code, status, code, detail, requestId: '' };
          setError(processServerError(new ApiError(status, problem)));
        },
      });
    const poll = () =>
      pollLogs(async (signal) => {
        const page = await api.logs(functionName, { limit: tail, filter }, signal);
        if (lines.add(page.items.toSorted((a, b) => compareIds(a.id, b.id)))) show();
      }, setError);
    const stop = canFollow ? follow() : poll();
    return () => {
      stop();
      cancelAnimationFrame(frame);
    };
  }, [api, events, project, functionName, filter, canFollow]);

  const clear = useCallback(() => {
    buffer.current.clear();
    setSnapshot(buffer.current.snapshot);
  }, []);
  const loadOlder = useCallback(async () => {
    const lines = buffer.current;
    let before: string | null | undefined = olderThan ?? lines.snapshot.lines[0]?.id;
    for (let pages = 0; pages < maxPagesInVain && before !== null; pages++) {
      const page = await api.logs(functionName, { limit: tail, filter, before });
      if (buffer.current !== lines) return;
      lines.addOlder(page.items);
      before = page.before;
      if (page.items.length > 0) break;
    }
    setOlderThan(before);
    setSnapshot(lines.snapshot);
  }, [api, functionName, filter, olderThan]);
  return { ...snapshot, skipped, state, error, clear, loadOlder, hasOlder: olderThan !== null };
}

/** Asks again and again until the returned function is called, or an answer is an error. */
function pollLogs(ask: (signal: AbortSignal) => Promise<void>, onError: (error: ServerError) => void): () => void {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const run = () => {
    ask(abort.signal).then(
      () => {
        if (!abort.signal.aborted) timer = setTimeout(run, pollMs);
      },
      (thrown: unknown) => {
        if (!abort.signal.aborted) onError(processServerError(thrown));
      },
    );
  };
  run();
  return () => {
    abort.abort();
    clearTimeout(timer);
  };
}
