/** Whose fault it is and what a caller can do about it. The HTTP status of each kind is in `backend/api/error-mapping.ts` alone. */
export const errorKinds = [
  'invalid_request',
  'unauthenticated',
  'forbidden',
  'not_found',
  'conflict',
  'precondition_failed',
  'payload_too_large',
  'unprocessable',
  'throttled',
  'internal',
  'function_error',
  'unavailable',
  'timed_out',
  'loop_detected',
] as const;
export type ErrorKind = (typeof errorKinds)[number];

/** Where in the caller's input something is wrong. `path` is dotted, for example `batch.maxSize`. */
export interface ErrorIssue {
  readonly path: string;
  readonly message: string;
}

export interface PlatformErrorOptions {
  /** For the log only; never shown to a caller. */
  readonly cause?: unknown;
  /** Field by field, for input errors; safe for callers. */
  readonly issues?: readonly ErrorIssue[];
  /** Seconds until trying again makes sense; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /** More members for the problem document; safe for callers. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/**
 * The only error that crosses a port. `code` is stable and documented in docs/error-codes.md; `message` says what is
 * wrong and what to do, and is safe to show to the caller. What user code does is never one of these: it is an
 * `InvocationOutcome`.
 */
export class PlatformError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly issues: readonly ErrorIssue[];
  readonly retryAfterSeconds: number | undefined;
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(kind: ErrorKind, code: string, message: string, options: PlatformErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PlatformError';
    this.kind = kind;
    this.code = code;
    this.issues = options.issues ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.detail = options.detail ?? {};
  }
}
