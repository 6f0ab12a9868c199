import { hourMs, minuteMs } from '../../../shared/durations.ts';
import type { IdleHistogram } from './idle-histogram.ts';

export interface KeepAliveSettings {
  /** Where the pre-warm window ends and the keep-alive window ends, as parts of the idle times seen, 0 to 1. */
  readonly headQuantile: number;
  readonly tailQuantile: number;
  /** The head is taken this much earlier and the tail this much later, 0 to 1. */
  readonly margin: number;
  /** Fewer idle times than this tell nothing. */
  readonly minSamples: number;
  /** A histogram whose counts vary less than this is spread too evenly to foretell anything. */
  readonly minCv: number;
  /** With more than this share of idle times beyond the range, the histogram does not represent the function. */
  readonly maxOutOfRangeShare: number;
  /** For idle times beyond the range: how far from their median they may be, and the margin of the forecast. */
  readonly forecastMargin: number;
  readonly minForecastSamples: number;
  readonly maxForecastMs: number;
  /** How long an idle instance is kept when nothing can be foretold. */
  readonly fallbackMs: number;
}

/**
 * Head and tail, margins and the coefficient of variation are the paper's (section 4.2 and its evaluation). Where the paper falls back
 * to the whole range of four hours, `fallbackMs` is ten minutes here: this platform's memory is one machine's.
 */
export const defaultKeepAliveSettings: KeepAliveSettings = {
  headQuantile: 0.05,
  tailQuantile: 0.99,
  margin: 0.1,
  minSamples: 5,
  minCv: 2,
  maxOutOfRangeShare: 0.5,
  forecastMargin: 0.15,
  minForecastSamples: 4,
  maxForecastMs: 48 * hourMs,
  fallbackMs: 600_000,
};

/** What is done with the instances of a version from the moment that its last call ended. */
export interface KeepAlivePlan {
  /** What it was decided from; `configured`: the version itself says. */
  readonly basis: 'configured' | 'fixed' | 'histogram' | 'forecast';
  /** So long nothing needs to be kept: an instance is started again then. 0: the instance stays. */
  readonly preWarmMs: number;
  /** From the end of `preWarmMs` on, so long one is kept. */
  readonly keepAliveMs: number;
  /** For people. */
  readonly reason: string;
}

export function fixedPlan(basis: 'configured' | 'fixed', keepAliveMs: number, reason: string): KeepAlivePlan {
  return { basis, preWarmMs: 0, keepAliveMs, reason };
}

/**
 * The hybrid histogram policy of Shahrad et al., "Serverless in the Wild" (USENIX ATC 2020): nothing is kept until shortly before
 * the earliest next call that is likely, and then until shortly after the latest. Pure; all times in ms.
 *
 * Where most idle times are beyond the range of the histogram, the paper forecasts with ARIMA. Here the forecast is simpler: when the
 * last few idle times all lie within `forecastMargin` of their median, the next is taken to be that median; else nothing is foretold.
 */
export function planKeepAlive(seen: IdleHistogram, settings: KeepAliveSettings): KeepAlivePlan {
  const { samples, outOfRange } = seen;
  const fixed = (reason: string) => fixedPlan('fixed', settings.fallbackMs, reason);
  if (outOfRange > samples * settings.maxOutOfRangeShare) {
    const forecast = forecastPlan(seen.recentMs, settings);
    if (forecast !== undefined) return forecast;
    return fixed(`most idle times are longer than ${duration(seen.rangeMs)} and not regular`);
  }
  if (samples < settings.minSamples) return fixed(`still learning: ${countOf(samples)} so far`);
  if (seen.cvOfCounts < settings.minCv) return fixed(`${countOf(samples)} are spread too widely to foretell the next`);
  return histogramPlan(seen, settings);
}

function histogramPlan(seen: IdleHistogram, settings: KeepAliveSettings): KeepAlivePlan {
  const { headQuantile, tailQuantile, margin } = settings;
  const headMs = seen.quantileMs(headQuantile);
  const tailMs = seen.quantileMs(tailQuantile) + seen.settings.binMs;
  const preWarmMs = Math.round(headMs * (1 - margin));
  const keepAliveMs = Math.round(tailMs * (1 + margin)) - preWarmMs;
  const reason = `${countOf(seen.samples)}, nearly all between ${duration(headMs)} and ${duration(tailMs)}`;
  return { basis: 'histogram', preWarmMs, keepAliveMs, reason };
}

function forecastPlan(recentMs: readonly number[], settings: KeepAliveSettings): KeepAlivePlan | undefined {
  const { forecastMargin, minForecastSamples, maxForecastMs } = settings;
  if (recentMs.length < minForecastSamples) return undefined;
  const sorted = recentMs.toSorted((a, b) => a - b);
  const medianMs = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const isRegular = recentMs.every((ms) => Math.abs(ms - medianMs) <= forecastMargin * medianMs);
  if (!isRegular || medianMs > maxForecastMs) return undefined;
  return {
    basis: 'forecast',
    preWarmMs: Math.round(medianMs * (1 - forecastMargin)),
    keepAliveMs: Math.round(medianMs * 2 * forecastMargin),
    reason: `the last ${recentMs.length} idle times were all close to ${duration(medianMs)}`,
  };
}

/**
 * What a plan wants `idleMs` after the last call ended: `keep` what is there, `nothing` (before its pre-warm moment or after its end),
 * or one instance that is `ready`, started if there is none.
 */
export function wantedAt(plan: KeepAlivePlan, idleMs: number): 'keep' | 'nothing' | 'ready' {
  if (idleMs >= plan.preWarmMs + plan.keepAliveMs) return 'nothing';
  if (plan.preWarmMs === 0) return 'keep';
  return idleMs < plan.preWarmMs ? 'nothing' : 'ready';
}

function countOf(samples: number): string {
  const count = Math.round(samples);
  return count === 1 ? '1 idle time' : `${count} idle times`;
}

function duration(ms: number): string {
  const minutes = Math.round(ms / minuteMs);
  if (minutes < 120) return `${minutes} min`;
  return `${Math.round(minutes / 6) / 10} h`;
}
