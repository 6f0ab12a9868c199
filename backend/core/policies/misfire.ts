type MisfirePolicy = 'skip' | 'run-once';

export interface MisfireInput {
  /** The newest tick at or before now that was neither fired nor skipped, or undefined when there is none. */
  readonly missedTickAt: number | undefined;
  /** Clock.now. */
  readonly now: number;
  readonly policy: MisfirePolicy;
  /** A tick at most this late counts as on time: timers and a busy machine are never exact. */
  readonly graceMs: number;
}

export type TickDecision =
  | { readonly kind: 'none' }
  | { readonly kind: 'fire'; readonly tickAt: number; readonly isLate: boolean }
  | { readonly kind: 'skip'; readonly tickAt: number };

/**
 * What to do about ticks that are due. Whatever number was missed (downtime, suspend, a clock set forward), at most the newest one
 * fires: always when it is on time, late only under `run-once`. The others are gone; marking the newest marks them.
 */
export function decideTick(input: MisfireInput): TickDecision {
  const tickAt = input.missedTickAt;
  if (tickAt === undefined || tickAt > input.now) return { kind: 'none' };
  const isLate = input.now - tickAt > input.graceMs;
  if (isLate && input.policy === 'skip') return { kind: 'skip', tickAt };
  return { kind: 'fire', tickAt, isLate };
}
