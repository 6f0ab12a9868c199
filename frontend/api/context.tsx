import { createContext, type ReactNode, useContext, useSyncExternalStore } from 'react';
import type { Api } from './api.ts';
import type { LiveMetrics, LiveSnapshot } from './live-metrics.ts';
import type { Session } from './session.ts';

export interface Backend {
  readonly api: Api;
  readonly session: Session;
  readonly live: LiveMetrics;
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

/** The live ticks; keeps the stream open while the component is shown. */
export function useLive(): LiveSnapshot {
  const { live } = useBackend();
  return useSyncExternalStore(live.subscribe, live.snapshot);
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
