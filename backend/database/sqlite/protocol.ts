import type { SqlValue, StepResult } from '../sql-session.ts';

/** A statement by the number under which it was announced, or its text when it will hardly come again. */
export type WireStep = readonly [statement: number | string, parameters: readonly SqlValue[], skipWhenNone: number];

/** `unit` joins a group commit; `begin` opens a transaction that the `tx` requests after it belong to. */
export type WireRequest =
  | { readonly op: 'unit' | 'tx'; readonly id: number; readonly steps: readonly WireStep[] }
  | { readonly op: 'begin' | 'commit' | 'rollback' | 'close'; readonly id: number };

/** All requests of one turn of the event loop, after the statements that they use for the first time. */
export interface WireMessage {
  readonly statements: readonly (readonly [number: number, sql: string])[];
  readonly requests: readonly WireRequest[];
}

/** An error of SQLite (`SQLITE_FULL` …) or, with another code, a bug of ours. */
export interface WireError {
  readonly code: string;
  readonly message: string;
}

export type WireReply =
  | { readonly id: number; readonly results: readonly StepResult[] }
  | { readonly id: number; readonly error: WireError };

/** The first message is about opening; every later one carries replies. */
export type WireFromThread =
  | { readonly kind: 'opened' }
  | { readonly kind: 'refused'; readonly error: WireError; readonly holder: string | undefined }
  | { readonly kind: 'replies'; readonly replies: readonly WireReply[] };

export interface ThreadOptions {
  readonly path: string;
  /** The writer holds the data folder's lock and commits; a reader only reads. */
  readonly role: 'writer' | 'reader';
  readonly busyTimeoutMs: number;
  readonly maxGroupUnits: number;
  readonly groupCommitMaxDelayMs: number;
  readonly walAutoCheckpointPages: number;
  readonly cacheKib: number;
}
