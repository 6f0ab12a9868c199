import type { BuildState } from './api/builds.ts';

/** The header by which a client says what it is; anything else is `api`. */
export const clientHeader = 'hearth-client';

/** Nothing comes after it. */
export const isOver = (state: BuildState): boolean => state === 'ready' || state === 'failed' || state === 'cancelled';
