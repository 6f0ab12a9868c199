import type { BuildSource, BuildState } from './api/builds.ts';

/** The header by which a client says what it is; anything else is `api`. */
export const clientHeader = 'hearth-client';

/** What clients say they are there; `ci` is the command line in a CI job. */
export const clients = ['cli', 'ci', 'dashboard'] as const satisfies readonly BuildSource[];
/** What sent a request. */
export type Client = (typeof clients)[number] | 'api';

/** Nothing comes after it. */
export const isOver = (state: BuildState): boolean => state === 'ready' || state === 'failed' || state === 'cancelled';
