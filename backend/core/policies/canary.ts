/** Calls of a version while it had its share. */
export interface VersionCalls {
  readonly invocations: number;
  readonly errors: number;
}

export interface CanaryLimits {
  /** How far the canary's share of failing calls may lie above that of the stable version, 0 to 1. */
  readonly maxErrorRateRise: number;
  /** Fewer calls of the canary say nothing. */
  readonly minInvocations: number;
}

/** What an alias says of its canary. */
export interface CanaryGuard extends CanaryLimits {
  /** The version that has all the traffic once the canary is taken back. */
  readonly stable: number;
  /** Which calls count: the last ones, this far back. */
  readonly windowMs: number;
}

/** Why the platform moved an alias back, and when (Clock.now); gone with the next move. */
export interface CanaryAbort {
  readonly at: number;
  readonly reason: string;
}

/** Why a canary has to go, or undefined while nothing speaks against it. A stable version without calls counts as one that never fails. */
export function faultOfCanary(canary: VersionCalls, stable: VersionCalls, limits: CanaryLimits): string | undefined {
  if (canary.invocations < limits.minInvocations) return undefined;
  const rate = rateOf(canary);
  const stableRate = rateOf(stable);
  if (rate - stableRate <= limits.maxErrorRateRise) return undefined;
  return `${percent(rate)} of ${canary.invocations} calls failed, against ${percent(stableRate)} of ${stable.invocations}`;
}

const rateOf = ({ invocations, errors }: VersionCalls): number => (invocations === 0 ? 0 : errors / invocations);
const percent = (rate: number): string => `${Math.round(rate * 1000) / 10} %`;
