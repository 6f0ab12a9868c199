import { useMutation } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { BuildDocument } from '../../shared/api/builds.ts';
import { toast } from '../ui/toast.tsx';
import { type BuildProgress, noProgress } from '../util/build-progress.ts';
import type { Api } from './api.ts';
import { buildApi, finishedBuild, followBuild } from './builds.ts';
import { useApi } from './context.tsx';
import type { StreamState } from './follow.ts';
import { processServerError, type ServerError } from './server-error.ts';

export interface WatchedBuild {
  readonly progress: BuildProgress;
  /** The connection was lost; it is tried again. */
  readonly isLost: boolean;
}

/** Before anything is known of a build. */
const nothing: WatchedBuild = { progress: noProgress, isLost: false };
const isLostIn = (state: StreamState): boolean => state === 'waiting';

/** A build that this page begins. */
export interface OwnBuild extends WatchedBuild {
  /** Resolves when it is over; rejects with ApiError when nothing came of it. */
  readonly finish: (begun: BuildDocument) => Promise<BuildDocument>;
  readonly forget: () => void;
}

/** Follows a build that was begun here, over lost connections, and shows how it goes. Rejects with ApiError when nothing came of it. */
export function watchToEnd(
  api: Api,
  begun: BuildDocument,
  show: (watched: WatchedBuild) => void,
): Promise<BuildDocument> {
  let watched: WatchedBuild = { progress: { ...noProgress, build: begun }, isLost: false };
  const merge = (change: Partial<WatchedBuild>) => {
    watched = { ...watched, ...change };
    show(watched);
  };
  show(watched);
  return finishedBuild(api, begun.id, {
    onProgress: (progress) => merge({ progress, isLost: false }),
    onState: (state) => state !== 'connecting' && merge({ isLost: isLostIn(state) }),
  });
}

export function useOwnBuild(): OwnBuild {
  const api = useApi();
  const [watched, setWatched] = useState(nothing);
  return {
    ...watched,
    finish: (begun) => watchToEnd(api, begun, setWatched),
    forget: () => setWatched(nothing),
  };
}

/** Any build, live while it runs; `error` when it cannot be had. */
export function useBuild(id: string): WatchedBuild & { readonly error: ServerError | undefined } {
  const api = useApi();
  const [watched, setWatched] = useState(nothing);
  const [error, setError] = useState<ServerError>();
  useEffect(() => {
    const merge = (change: Partial<WatchedBuild>) => setWatched((before) => ({ ...before, ...change }));
    setWatched(nothing);
    setError(undefined);
    return followBuild(api, id, {
      onProgress: (progress) => merge({ progress, isLost: false }),
      onState: (state) => state !== 'connecting' && merge({ isLost: isLostIn(state) }),
      onRefused: (refusal) => setError(processServerError(refusal)),
    });
  }, [api, id]);
  return { ...watched, error };
}

export function useCancelBuild() {
  const api = useApi();
  return useMutation({
    mutationFn: (id: string) => buildApi.cancel(api, id),
    onError: (error) => toast.failed('It was not cancelled', error),
  });
}
