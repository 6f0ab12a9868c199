import type { AlertState } from '../../../shared/api/alerts.ts';

/** What is remembered of a rule between two looks. */
export interface AlertMemory {
  readonly state: AlertState;
  /** Clock.now when the state began. */
  readonly since: number;
  /** What the channels were told last: that it fires, or that all is well. */
  readonly toldFiring: boolean;
}

export interface AlertLook {
  /** Undefined: nothing happened in the window, so nothing can be wrong. */
  readonly value: number | undefined;
  readonly comparison: 'above' | 'below';
  readonly threshold: number;
  readonly forMs: number;
  readonly isSilenced: boolean;
  readonly now: number;
}

export interface AlertDecision {
  readonly memory: AlertMemory;
  /** Whom to tell what; undefined: nobody. */
  readonly event: 'firing' | 'resolved' | undefined;
}

/** A rule that was never looked at. */
export const noAlert: AlertMemory = { state: 'ok', since: 0, toldFiring: false };

/**
 * One look at a rule. ok -> pending while the condition holds -> firing once it held for `forMs` -> ok when it no longer holds. A silence holds back the
 * telling, not the state: who is still firing when it ends is told then, and who recovered meanwhile is not told at all.
 */
export function lookAtAlert(memory: AlertMemory, look: AlertLook): AlertDecision {
  const { now, forMs, isSilenced } = look;
  const state = nextState(memory, look, forMs);
  const since = state === memory.state ? memory.since : now;
  const isFiring = state === 'firing';
  if (isSilenced || isFiring === memory.toldFiring) {
    return { memory: { state, since, toldFiring: memory.toldFiring }, event: undefined };
  }
  return { memory: { state, since, toldFiring: isFiring }, event: isFiring ? 'firing' : 'resolved' };
}

function nextState(memory: AlertMemory, look: AlertLook, forMs: number): AlertState {
  if (!holds(look)) return 'ok';
  if (memory.state === 'firing') return 'firing';
  // A clock that was set back must not keep a rule pending for ever: time that did not pass counts as none.
  const heldMs = memory.state === 'pending' ? Math.max(0, look.now - memory.since) : 0;
  return heldMs >= forMs ? 'firing' : 'pending';
}

function holds({ value, comparison, threshold }: AlertLook): boolean {
  if (value === undefined || Number.isNaN(value)) return false;
  return comparison === 'above' ? value > threshold : value < threshold;
}
