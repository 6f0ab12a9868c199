export interface InstanceWorth {
  /** Probability of a call within the next minutes, 0 to 1; undefined when nothing is known. */
  readonly chanceOfCall: number | undefined;
  readonly idleMs: number;
  /** How long starting it took. */
  readonly startMs: number;
  readonly memoryMb: number;
}

/** How far ahead a call counts; and with nothing known, after this long without a call the next is taken to be half as likely. */
export const worthHorizonMs = 600_000;
/** Starts that differ by less cost the same. */
const startStepMs = 100;

/**
 * What an idle instance is expected to save: the start that its next caller would wait for, times how likely that caller is, per
 * megabyte. The one with the least is given up first. With nothing known of two of the same size this is least recently used.
 */
export function expectedValue({ chanceOfCall, idleMs, startMs, memoryMb }: InstanceWorth): number {
  const chance = chanceOfCall ?? worthHorizonMs / (worthHorizonMs + Math.max(0, idleMs)) / 2;
  const steps = Math.max(1, Math.ceil(startMs / startStepMs));
  return (chance * steps) / memoryMb;
}
