import { createContext, type ReactNode, useContext, useEffect, useRef, useSyncExternalStore } from 'react';
import type { Api } from './api.ts';
import type { LiveEvents, LiveState } from './live-events.ts';
import type { LiveSnapshot, LiveTicks } from './live-ticks.ts';
import type { Session } from './session.ts';
import type { TopicEvent } from './topic-table.ts';

export interface Backend {
  readonly api: Api;
  readonly session: Session;
  /** The one stream of this tab. */
  readonly events: LiveEvents;
  readonly live: LiveTicks;
}

const BackendContext = createContext<Backend | undefined>(undefined);

export function BackendProvider(props: { readonly backend: Backend; readonly children: ReactNode }) {
  return <BackendContext.Provider value={props.backend}>{props.children}</BackendContext.Provider>;
}

export function useBackend(): Backend {
  const backend = useContext(BackendContext);
  if (backend === undefined) throw new Error('useBackend needs a BackendProvider above it');
  return backend;
}

export function useApi(): Api {
  return useBackend().api;
}

/** Hears of a topic while the component is shown; also of gaps in it. */
export function useTopic(topic: string, onEvents: (events: readonly TopicEvent[]) => void): void {
  const { events } = useBackend();
  const latest = useRef(onEvents);
  useEffect(() => {
    latest.current = onEvents;
  });
  useEffect(() => events.subscribe(topic, { onEvents: (arrived) => latest.current(arrived) }), [events, topic]);
}

/** The live ticks; carried while the component is shown. */
export function useLive(): LiveSnapshot {
  const { live } = useBackend();
  return useSyncExternalStore(live.subscribe, live.snapshot);
}

/** How the stream of this tab is doing, and the version of the platform that it comes from. */
export function useConnection(): { readonly state: LiveState; readonly version: string | undefined } {
  const { events } = useBackend();
  const state = useSyncExternalStore(events.watch, events.state);
  const version = useSyncExternalStore(events.watch, events.version);
  return { state, version };
}

/** The project that the dashboard shows; undefined: that of the token. */
export function useShownProject(): string | undefined {
  const { session } = useBackend();
  return useSyncExternalStore(session.subscribe, () => session.project);
}

/** Whether this browser has a token. */
export function useIsSignedIn(): boolean {
  const { session } = useBackend();
  return useSyncExternalStore(session.subscribe, () => session.token !== undefined);
}
