import { errorOfOutcome, type InvocationOutcome } from '../../shared/invocation.ts';
import type { VersionConfig } from '../../shared/version-config.ts';
import type { InvocationReport } from '../core/invocation.ts';
import { decideRetry, hasNotRun, type RetryDecision } from '../core/policies/retry.ts';
import type { Claim, Disposition } from '../core/ports/invocation-queue.ts';

export interface DispositionInput {
  readonly claim: Claim;
  readonly report: InvocationReport;
  readonly retry: VersionConfig['retry'];
  readonly result: Buffer | undefined;
  /** Clock.now. */
  readonly now: number;
  /** In [0, 1). */
  readonly random: number;
}

/** The retry policy's decision about an attempt, in the words of the queue. */
export function dispositionOf(input: DispositionInput): Disposition {
  const { claim, report, retry, result, now, random } = input;
  const { minBackoffMs, maxBackoffMs } = retry;
  const { attempt } = claim;
  const { maxAttempts, expiresAt } = claim.item;
  const { outcome } = report;
  const decision = decideRetry({ outcome, attempt, maxAttempts, minBackoffMs, maxBackoffMs, now, expiresAt, random });
  // As a call over HTTP itself: once it may have run, it is not tried again, and its failure is its result.
  if (claim.item.request !== undefined && endsReplay(decision, outcome)) return { kind: 'done', report, result };
  const error = errorOfOutcome(outcome);
  switch (decision.kind) {
    case 'done':
      return { kind: 'done', report, result };
    case 'cancelled':
      return { kind: 'cancelled', report };
    case 'release':
      return { kind: 'release' };
    case 'retry':
      return { kind: 'retry', runAt: decision.runAt, report, error };
    case 'dead-letter':
      return { kind: 'dead-letter', reason: decision.reason, report, error };
  }
}

function endsReplay({ kind }: RetryDecision, outcome: InvocationOutcome): boolean {
  return kind === 'dead-letter' || (kind === 'retry' && !hasNotRun(outcome));
}
