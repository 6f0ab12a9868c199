import { IdleHistogram } from '../../backend/core/policies/idle-histogram.ts';
import { type KeepAlivePlan, wantedAt } from '../../backend/core/policies/keep-alive.ts';
import type { FunctionTrace } from './invocation-traces.ts';

export interface KeepAliveOutcome {
  readonly calls: number;
  readonly coldStarts: number;
  /** Loaded and doing nothing. */
  readonly wastedMs: number;
}

/**
 * Plays one trace against a policy, as the paper does: every call takes no time, one instance serves a function, and it is loaded from
 * its pre-warm moment on. The first call is always cold.
 */
export function playTrace(trace: FunctionTrace, plan: (seen: IdleHistogram) => KeepAlivePlan): KeepAliveOutcome {
  const seen = new IdleHistogram();
  let coldStarts = 0;
  let wastedMs = 0;
  let current: KeepAlivePlan | undefined;
  let lastAt = 0;
  for (const at of trace.calls) {
    if (current === undefined) coldStarts++;
    else {
      const idleMs = at - lastAt;
      const { preWarmMs, keepAliveMs } = current;
      if (wantedAt(current, idleMs) === 'nothing') coldStarts++;
      wastedMs += Math.min(Math.max(0, idleMs - preWarmMs), keepAliveMs);
      seen.add(idleMs);
    }
    current = plan(seen);
    lastAt = at;
  }
  return { calls: trace.calls.length, coldStarts, wastedMs };
}
