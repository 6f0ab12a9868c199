import { newId } from '../../../shared/ids.ts';
import type { Resolution } from '../ports/function-directory.ts';
import type { NewAsyncInvocation } from '../ports/invocation-queue.ts';

type Given = Pick<NewAsyncInvocation, 'trigger' | 'payload'> &
  Partial<Pick<NewAsyncInvocation, 'idempotencyKey' | 'traceparent' | 'depth' | 'replayOf' | 'request'>> & {
    /** Clock.now() of the acceptance. */
    readonly now: number;
    readonly delayMs?: number;
  };

/**
 * What is written down when work is accepted for later: the version that was resolved now runs it, as often as its retry policy of now
 * allows. Its age counts from when it may first run, so that a delay does not use it up.
 */
export function asyncInvocation({ version, qualifier }: Resolution, given: Given): NewAsyncInvocation {
  const { retry } = version.config;
  const runAt = given.now + (given.delayMs ?? 0);
  return {
    id: newId('invocation', given.now),
    functionId: version.functionId,
    functionName: version.functionName,
    versionId: version.versionId,
    version: version.version,
    qualifier,
    trigger: given.trigger,
    payload: given.payload,
    acceptedAt: given.now,
    runAt,
    maxAttempts: retry.maxAttempts,
    expiresAt: runAt + retry.maxAgeMs,
    idempotencyKey: given.idempotencyKey,
    traceparent: given.traceparent,
    depth: given.depth ?? 0,
    replayOf: given.replayOf,
    request: given.request,
  };
}
