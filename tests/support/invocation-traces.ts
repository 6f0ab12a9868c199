import { dayMs } from '../../shared/durations.ts';

/**
 * Invocation traces with the published features of Shahrad et al., "Serverless in the Wild" (USENIX ATC 2020), section 3:
 *
 * - Rates: 45 % of applications are called once an hour or less on average, 81 % once a minute or less (figure 5); a log-normal
 *   through these two points has about the shape of the figure and the skew (a fifth makes over 99 % of the calls).
 * - Inter-arrival times (figure 6): about a fifth of the applications have a coefficient of variation near 0 (timers, sensors), few one
 *   near 1 (Poisson), about 40 % one above 1 (bursts); the rest lies between 0 and 1.
 *
 * Functions that are called all the time are warm under any policy: rates are cut off at `maxPerDay` to keep traces small.
 * Daily and weekly rhythms of the paper are left out.
 */
type TraceClass = 'timer' | 'near-periodic' | 'poisson' | 'bursty';

export interface FunctionTrace {
  readonly kind: TraceClass;
  /** Milliseconds from the beginning, ascending. */
  readonly calls: readonly number[];
}

export interface TraceOptions {
  readonly functions: number;
  readonly days: number;
  readonly seed: number;
  readonly maxPerDay: number;
}

/** Log10 of calls a day: through (24, 45 %) and (1440, 81 %). */
const rate = { mean: 1.603, deviation: 1.772 };
const classes: readonly (readonly [TraceClass, number])[] = [
  ['timer', 0.2],
  ['near-periodic', 0.25],
  ['poisson', 0.15],
  ['bursty', 0.4],
];
const timerPeriodsMs = [60_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 21_600_000, dayMs];

/** mulberry32: small, and good enough for simulations. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Box and Muller. */
const normalOf = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
const exponentialOf = (random: () => number, mean: number): number => -mean * Math.log(1 - random());

/** Calls a day of one function, not cut off. */
export function callsPerDayOf(random: () => number): number {
  return 10 ** (rate.mean + rate.deviation * normalOf(random));
}

export function tracesOf(options: TraceOptions): readonly FunctionTrace[] {
  const random = randomOf(options.seed);
  return Array.from({ length: options.functions }, () => traceOf(options, random));
}

function traceOf({ days, maxPerDay }: TraceOptions, random: () => number): FunctionTrace {
  const meanMs = dayMs / Math.min(maxPerDay, callsPerDayOf(random));
  const kind = classOf(random());
  const gap = gapsOf(kind, meanMs, random);
  const calls: number[] = [];
  for (let at = random() * meanMs; at < days * dayMs; at += gap()) calls.push(at);
  return { kind, calls };
}

function classOf(p: number): TraceClass {
  let below = 0;
  for (const [kind, share] of classes) {
    below += share;
    if (p < below) return kind;
  }
  return 'bursty';
}

/** Draws the next inter-arrival time. */
function gapsOf(kind: TraceClass, meanMs: number, random: () => number): () => number {
  switch (kind) {
    case 'timer': {
      const nearest = (a: number, b: number) =>
        Math.abs(Math.log(a / meanMs)) < Math.abs(Math.log(b / meanMs)) ? a : b;
      const periodMs = timerPeriodsMs.reduce(nearest);
      // A scheduler is a little late now and then.
      return () => Math.max(1, periodMs + normalOf(random) * 500);
    }
    case 'near-periodic': {
      const cv = 0.1 + 0.6 * random();
      return () => Math.max(1, meanMs * (1 + cv * normalOf(random)));
    }
    case 'poisson':
      return () => exponentialOf(random, meanMs);
    case 'bursty': {
      // Bursts of calls close together, then a long pause: the mean stays, the coefficient of variation is 2 to 5 about.
      const perBurst = 5 + 25 * random();
      const withinMs = Math.min(meanMs / 10, 5000);
      const pauseMs = meanMs * perBurst - withinMs * (perBurst - 1);
      return () => (random() < 1 / perBurst ? exponentialOf(random, pauseMs) : exponentialOf(random, withinMs));
    }
  }
}
