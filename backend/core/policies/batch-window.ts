export interface BatchWindowInput {
  /** `batch.windowMs` of the version. */
  readonly windowMs: number;
  /** A slot is free right now, or nothing of the function is in flight. */
  readonly isIdle: boolean;
  /** Until the earliest deadline in the batch. */
  readonly remainingMs: number;
  /** How long a call of this function usually takes. */
  readonly expectedMs: number;
}

/** Timers and the way to the instance, in ms. */
const slackMs = 5;

/**
 * How long a call may wait for company before it asks for an instance of its own: not at all while the function is idle, else the
 * window, but never so long that twice the usual handler time would not fit before the deadline any more, and at most half of what is
 * left, for the start that it may need then.
 */
export function batchWaitMs(input: BatchWindowInput): number {
  if (input.isIdle) return 0;
  const { windowMs, remainingMs, expectedMs } = input;
  return Math.max(0, Math.min(windowMs, remainingMs / 2, remainingMs - 2 * expectedMs - slackMs));
}
