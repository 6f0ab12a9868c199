/** Time as a dependency, so that cron, retries, idle time-outs and windows are tested without waiting. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. For timestamps and schedules. May jump. */
  now(): number;
  /** Milliseconds from an arbitrary origin; never goes back. For durations and deadlines inside this process. */
  monotonic(): number;
  /** Calls `run` once after `ms`; the returned function cancels. Timers never keep the process alive on their own. */
  after(ms: number, run: () => void): () => void;
  /** Resolves after `ms`, or at once when the signal aborts (it does not reject: look at the signal). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
