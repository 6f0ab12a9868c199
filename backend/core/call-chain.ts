/** What a function that runs hands to the functions that it calls. */
export interface CallChain {
  /** `Clock.now()` at which the caller's own time is over. */
  readonly deadlineAt: number;
  /** The caller's; 0 for one that nobody's function called. */
  readonly depth: number;
}

/** The header that carries it, and the name under which functions find it. */
export const callChainHeader = 'hearth-call-chain';

/** Deadline and depth of a call that has `deadlineAt` for itself: below a caller it ends no later than that, one step deeper. */
export function withinChain(caller: CallChain | undefined, deadlineAt: number): CallChain {
  if (caller === undefined) return { deadlineAt, depth: 0 };
  return { deadlineAt: Math.min(deadlineAt, caller.deadlineAt), depth: caller.depth + 1 };
}
