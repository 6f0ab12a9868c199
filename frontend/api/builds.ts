import { type InfiniteData, infiniteQueryOptions } from '@tanstack/react-query';
import type { BuildDocument } from '../../shared/api/builds.ts';
import type { CreateFunction, CreateVersion } from '../../shared/api/functions.ts';
import { clientHeader, isOver } from '../../shared/build-states.ts';
import { type BuildProgress, noProgress, problemOf, withEvents } from '../util/build-progress.ts';
import type { Api, Page } from './api.ts';
import { functionPath, root, segment } from './api-paths.ts';
import { followEvents, type StreamState } from './follow.ts';
import { after, byCursor } from './paging.ts';
import { ApiError } from './server-error.ts';

const buildPath = (id: string) => `${root}/builds/${segment(id)}`;
const renewedMs = ({ state }: { readonly state: { readonly data: InfiniteData<Page<BuildDocument>> | undefined } }) => {
  const goesOn = state.data?.pages.some(({ items }) => items.some((build) => !isOver(build.state)));
  return goesOn === true ? 1000 : 10_000;
};
/** The answer comes when it begins, and the build goes on by itself. */
const headers = { prefer: 'respond-async', [clientHeader]: 'dashboard' };

/** Builds: what the dashboard asks of them. Every call rejects with ApiError. */
export const buildApi = {
  createFunction: ({ client }: Api, body: CreateFunction): Promise<BuildDocument> =>
    client.json('POST', `${root}/functions`, { body, headers }),
  createVersion: ({ client }: Api, name: string, body: CreateVersion): Promise<BuildDocument> =>
    client.json('POST', `${functionPath(name)}/versions`, { body, headers }),
  cancel: ({ client }: Api, id: string): Promise<void> => client.json('DELETE', buildPath(id)),
} as const;

export const buildQueries = {
  ofFunction: ({ client }: Api, name: string) =>
    infiniteQueryOptions({
      // Below the function: a deploy that is made here is seen at once.
      queryKey: ['functions', 'one', name, 'builds'],
      queryFn: ({ pageParam, signal }) => {
        const query = { limit: 10, ...after(pageParam) };
        return client.json<Page<BuildDocument>>('GET', `${functionPath(name)}/builds`, { query, signal });
      },
      ...byCursor,
      refetchInterval: renewedMs,
    }),
  /** The newest of each name that no function has. */
  withoutFunction: ({ client }: Api) =>
    infiniteQueryOptions({
      queryKey: ['functions', 'builds-without-function'],
      queryFn: ({ pageParam, signal }) => {
        const query = { withoutFunction: 1, limit: 10, ...after(pageParam) };
        return client.json<Page<BuildDocument>>('GET', `${root}/builds`, { query, signal });
      },
      ...byCursor,
      refetchInterval: renewedMs,
    }),
} as const;

export interface BuildFollower {
  readonly onProgress: (progress: BuildProgress) => void;
  /** `waiting`: the connection was lost, and is tried again. */
  readonly onState?: (state: StreamState) => void;
  readonly onRefused: (error: ApiError) => void;
}

/** Follows a build to its end, over lost connections, or until the returned function is called. */
export function followBuild({ client }: Api, id: string, follower: BuildFollower): () => void {
  let progress = noProgress;
  const stop = followEvents({
    client,
    path: () => `${buildPath(id)}/log?follow=1`,
    onEvents: (events) => {
      progress = withEvents(progress, events);
      if (progress.isOver) stop();
      follower.onProgress(progress);
    },
    ...(follower.onState === undefined ? {} : { onState: follower.onState }),
    onRefused: follower.onRefused,
    maxRetryMs: 3000,
  });
  return stop;
}

/** Resolves with what it made; rejects with ApiError as if it had been waited for. */
export function finishedBuild(
  api: Api,
  id: string,
  { onProgress, onState }: Omit<BuildFollower, 'onRefused'>,
): Promise<BuildDocument> {
  return new Promise((resolve, reject) => {
    followBuild(api, id, {
      ...(onState === undefined ? {} : { onState }),
      onRefused: reject,
      onProgress: (progress) => {
        onProgress(progress);
        const { build, lines } = progress;
        if (!progress.isOver || build === undefined) return;
        const problem = problemOf(build, lines);
        if (build.version === null) reject(new ApiError(problem.status, problem));
        else resolve(build);
      },
    });
  });
}
