/** Calls of a version while it had its share. */
export interface VersionCalls {
  readonly invocations: number;
  readonly errors: number;
  /** Of the time in the handler: a new version waits and starts cold more often. Undefined where no call was measured. */
  readonly p95Ms: number | undefined;
}

export interface CanaryLimits {
  /** How far the canary's share of failing calls may lie above that of the stable version, 0 to 1. */
  readonly maxErrorRateRise: number;
  /** How many times that of the stable version its p95 may be. Undefined: latency is not compared. */
  readonly maxP95Ratio?: number | undefined;
  /** Fewer calls say nothing. */
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

/** Less of a difference is noise, whatever it is a multiple of. */
const minP95RiseMs = 5;

/**
 * Why a canary has to go, or undefined while nothing speaks against it. A stable version without calls counts as one that never fails; how fast
 * it is has to be known.
 */
export function faultOfCanary(canary: VersionCalls, stable: VersionCalls, limits: CanaryLimits): string | undefined {
  if (canary.invocations < limits.minInvocations) return undefined;
  return failuresOf(canary, stable, limits) ?? slownessOf(canary, stable, limits);
}

function failuresOf(canary: VersionCalls, stable: VersionCalls, limits: CanaryLimits): string | undefined {
  const rate = rateOf(canary);
  const stableRate = rateOf(stable);
  if (rate - stableRate <= limits.maxErrorRateRise) return undefined;
  return `${percent(rate)} of ${canary.invocations} calls failed, against ${percent(stableRate)} of ${stable.invocations}`;
}

function slownessOf(canary: VersionCalls, stable: VersionCalls, limits: CanaryLimits): string | undefined {
  const { maxP95Ratio, minInvocations } = limits;
  if (maxP95Ratio === undefined || stable.invocations < minInvocations) return undefined;
  if (canary.p95Ms === undefined || stable.p95Ms === undefined) return undefined;
  if (canary.p95Ms <= stable.p95Ms * maxP95Ratio || canary.p95Ms - stable.p95Ms < minP95RiseMs) return undefined;
  return `p95 was ${milliseconds(canary.p95Ms)} in ${canary.invocations} calls, against ${milliseconds(stable.p95Ms)} in ${stable.invocations}`;
}

const milliseconds = (ms: number): string => `${Math.round(ms * 10) / 10} ms`;
const rateOf = ({ invocations, errors }: VersionCalls): number => (invocations === 0 ? 0 : errors / invocations);
const percent = (rate: number): string => `${Math.round(rate * 1000) / 10} %`;
