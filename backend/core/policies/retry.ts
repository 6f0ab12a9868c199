import type { InvocationOutcome } from '../../../shared/invocation.ts';
import type { DeadLetterReason } from '../ports/invocation-queue.ts';
import { backoffMs } from './backoff.ts';

export interface RetryInput {
  readonly outcome: InvocationOutcome;
  /** 1 for the first attempt, which just ended. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /** Clock.now, and when no attempt may start any more. */
  readonly now: number;
  readonly expiresAt: number;
  /** In [0, 1). */
  readonly random: number;
}

export type RetryDecision =
  | { readonly kind: 'done' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'release' }
  | { readonly kind: 'retry'; readonly runAt: number }
  | { readonly kind: 'dead-letter'; readonly reason: DeadLetterReason };

/**
 * What becomes of an asynchronous invocation after an attempt:
 *
 * | outcome                                       | decision                                                            |
 * | --------------------------------------------- | ------------------------------------------------------------------- |
 * | success                                       | done                                                                |
 * | cancelled                                     | cancelled                                                           |
 * | platform-fault shutting-down                  | release: does not count as an attempt                               |
 * | platform-fault capacity, driver (retryable)   | retry until the maximum age: the function never ran, so `maxAttempts` does not apply |
 * | function-error, function-fault, other retryable platform-fault | retry, up to `maxAttempts` and the maximum age     |
 * | platform-fault that is not retryable          | dead letter                                                         |
 *
 * A retry that could only start after `expiresAt` is a dead letter `too-old` at once.
 */
export function decideRetry(input: RetryInput): RetryDecision {
  const { outcome } = input;
  if (outcome.kind === 'success') return { kind: 'done' };
  if (outcome.kind === 'cancelled') return { kind: 'cancelled' };
  if (outcome.kind === 'platform-fault') {
    if (outcome.fault === 'shutting-down') return { kind: 'release' };
    if (!outcome.retryable) return { kind: 'dead-letter', reason: 'attempts-exhausted' };
  }
  if (!hasNotRun(outcome) && input.attempt >= input.maxAttempts)
    return { kind: 'dead-letter', reason: 'attempts-exhausted' };
  const limits = { minMs: input.minBackoffMs, maxMs: Math.max(input.minBackoffMs, input.maxBackoffMs) };
  const runAt = input.now + backoffMs(input.attempt, limits, input.random);
  if (runAt > input.expiresAt) return { kind: 'dead-letter', reason: 'too-old' };
  return { kind: 'retry', runAt };
}

/** There was no instance to run it in. */
export function hasNotRun(outcome: InvocationOutcome): boolean {
  return outcome.kind === 'platform-fault' && (outcome.fault === 'capacity' || outcome.fault === 'driver');
}
