import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hourMs, minuteMs } from '../../../shared/durations.ts';
import { callsPerDayOf, type FunctionTrace, randomOf, tracesOf } from '../../../tests/support/invocation-traces.ts';
import { playTrace } from '../../../tests/support/keep-alive-simulation.ts';
import { IdleHistogram } from './idle-histogram.ts';
import { defaultKeepAliveSettings, fixedPlan, planKeepAlive, wantedAt } from './keep-alive.ts';

const histogramOf = (...idleMs: readonly number[]): IdleHistogram => {
  const histogram = new IdleHistogram();
  for (const ms of idleMs) histogram.add(ms);
  return histogram;
};
const planOf = (...idleMs: readonly number[]) => planKeepAlive(histogramOf(...idleMs), defaultKeepAliveSettings);
const times = (count: number, ms: number): number[] => Array.from({ length: count }, () => ms);

describe('IdleHistogram', () => {
  it('agrees with a plain list of idle times', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(6 * hourMs), { minLength: 1, maxLength: 200 }), fc.nat(100), (idleMs, percent) => {
        const histogram = histogramOf(...idleMs);
        const bins = idleMs.filter((ms) => ms < 4 * hourMs).map((ms) => Math.floor(ms / minuteMs));
        bins.sort((a, b) => a - b);
        expect(histogram.samples).toBe(idleMs.length);
        expect(histogram.outOfRange).toBe(idleMs.length - bins.length);
        const rank = Math.max(0, Math.ceil((percent / 100) * bins.length) - 1);
        expect(histogram.quantileMs(percent / 100)).toBe((bins[rank] ?? 0) * minuteMs);
        const counts = Array.from({ length: 240 }, (_, bin) => bins.filter((other) => other === bin).length);
        const mean = bins.length / 240;
        const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / 240;
        expect(histogram.cvOfCounts).toBeCloseTo(mean === 0 ? 0 : Math.sqrt(variance) / mean, 3);
        expect(histogram.shareBetween(0, histogram.rangeMs)).toBeCloseTo(bins.length / idleMs.length, 5);
      }),
    );
  });

  it('forgets an old habit in favour of a new one', () => {
    const histogram = new IdleHistogram({ binMs: minuteMs, bins: 240, maxSamples: 100 });
    for (const ms of times(1000, 200 * minuteMs)) histogram.add(ms);
    for (const ms of times(1000, 2 * minuteMs)) histogram.add(ms);
    expect(histogram.samples).toBeLessThanOrEqual(100);
    expect(histogram.quantileMs(0.99)).toBe(2 * minuteMs);
  });

  it('is copied without ties', () => {
    const original = histogramOf(...times(10, minuteMs));
    const copy = original.copy();
    copy.add(3 * hourMs);
    expect([original.samples, copy.samples]).toEqual([10, 11]);
    expect(copy.quantileMs(1)).toBe(180 * minuteMs);
    expect(original.quantileMs(1)).toBe(minuteMs);
  });
});

describe('planKeepAlive', () => {
  it.each([
    ['nothing seen', [], 'fixed', 0, 600_000],
    ['too little seen', times(4, 5 * minuteMs), 'fixed', 0, 600_000],
    // 30 min, one bin wide: from 27 min on, until 34.1 min.
    ['a half-hourly timer', times(20, 30 * minuteMs), 'histogram', 27 * minuteMs, 7.1 * minuteMs],
    ['calls in quick succession', times(100, 20), 'histogram', 0, 1.1 * minuteMs],
    ['quick ones and few long pauses', [...times(98, 20), ...times(2, 59.5 * minuteMs)], 'histogram', 0, 66 * minuteMs],
    ['everything from 0 to 4 h', Array.from({ length: 240 }, (_, i) => i * minuteMs), 'fixed', 0, 600_000],
    ['once a day', times(4, 24 * hourMs), 'forecast', 0.85 * 24 * hourMs, 0.3 * 24 * hourMs],
    ['now and then', [5, 11, 7, 30, 8].map((hours) => hours * hourMs), 'fixed', 0, 600_000],
    ['once a week: too far to look', times(8, 168 * hourMs), 'fixed', 0, 600_000],
  ] as const)('%s', (_, idleMs, basis, preWarmMs, keepAliveMs) => {
    const plan = planOf(...idleMs);
    expect(plan).toMatchObject({ basis, preWarmMs });
    expect(plan.keepAliveMs).toBeCloseTo(keepAliveMs, 0);
    expect(plan.reason).not.toBe('');
  });

  it('covers nine of ten of the idle times that it was made from, whatever they are', () => {
    const idle = fc.array(fc.nat(4 * hourMs - 1), { minLength: 20, maxLength: 300 });
    fc.assert(
      fc.property(idle, (idleMs) => {
        const plan = planOf(...idleMs);
        if (plan.basis !== 'histogram') return;
        const covered = idleMs.filter((ms) => wantedAt(plan, ms) !== 'nothing').length;
        expect(covered / idleMs.length).toBeGreaterThanOrEqual(0.9);
      }),
    );
  });

  it('says when there should be an instance', () => {
    const plan = { basis: 'histogram', preWarmMs: 100, keepAliveMs: 50, reason: '' } as const;
    expect([0, 99, 100, 149, 150].map((ms) => wantedAt(plan, ms))).toEqual([
      'nothing',
      'nothing',
      'ready',
      'ready',
      'nothing',
    ]);
    expect([0, 49, 50].map((ms) => wantedAt(fixedPlan('fixed', 50, ''), ms))).toEqual(['keep', 'keep', 'nothing']);
  });
});

describe('traces', () => {
  it('have the rates of the paper: 45 % at most hourly, 81 % at most once a minute, most calls from few', () => {
    const random = randomOf(1);
    const rates = Array.from({ length: 20_000 }, () => callsPerDayOf(random)).sort((a, b) => a - b);
    const shareBelow = (perDay: number) => rates.filter((rate) => rate <= perDay).length / rates.length;
    expect(shareBelow(24)).toBeCloseTo(0.45, 1);
    expect(shareBelow(1440)).toBeCloseTo(0.81, 1);
    const total = rates.reduce((sum, rate) => sum + rate, 0);
    const popular = rates.slice(Math.floor(0.814 * rates.length)).reduce((sum, rate) => sum + rate, 0);
    expect(popular / total).toBeGreaterThan(0.99);
  });

  it('have the regularity of their class', () => {
    const traces = tracesOf({ functions: 400, days: 4, seed: 7, maxPerDay: 1440 });
    const cvs = (kind: FunctionTrace['kind']) =>
      traces.filter((trace) => trace.kind === kind && trace.calls.length > 300).map((trace) => cvOf(trace.calls));
    for (const cv of cvs('timer')) expect(cv).toBeLessThan(0.05);
    for (const cv of cvs('near-periodic')) expect(cv).toBeLessThan(0.85);
    for (const cv of cvs('poisson')) expect(cv).toBeCloseTo(1, 0);
    const bursty = cvs('bursty');
    expect(bursty.filter((cv) => cv > 1.5).length / bursty.length).toBeGreaterThan(0.9);
    expect(bursty.length).toBeGreaterThan(20);
  });

  it('are played to the millisecond', () => {
    const trace: FunctionTrace = { kind: 'timer', calls: [0, 100, 300, 301] };
    expect(playTrace(trace, () => fixedPlan('fixed', 150, ''))).toEqual({ calls: 4, coldStarts: 2, wastedMs: 251 });
    const late = { basis: 'histogram', preWarmMs: 90, keepAliveMs: 20, reason: '' } as const;
    expect(playTrace(trace, () => late)).toEqual({ calls: 4, coldStarts: 3, wastedMs: 30 });
  });
});

describe('against a fixed ten minutes', () => {
  const traces = tracesOf({ functions: 300, days: 4, seed: 42, maxPerDay: 2880 });
  const fixed = traces.map((trace) => playTrace(trace, () => fixedPlan('fixed', 600_000, '')));
  const hybrid = traces.map((trace) => playTrace(trace, (seen) => planKeepAlive(seen, defaultKeepAliveSettings)));
  const sum = (outcomes: typeof fixed, what: 'coldStarts' | 'wastedMs') =>
    outcomes.reduce((total, outcome) => total + outcome[what], 0);

  it('is cold less often', () => {
    expect(sum(hybrid, 'coldStarts')).toBeLessThan(0.8 * sum(fixed, 'coldStarts'));
  });

  it('wastes less memory on timers and starts them warm', () => {
    const ofTimers = (outcomes: typeof fixed) =>
      outcomes.filter((_, i) => traces[i]?.kind === 'timer' && (traces[i]?.calls.length ?? 0) > 20);
    expect(sum(ofTimers(hybrid), 'coldStarts')).toBeLessThan(0.5 * sum(ofTimers(fixed), 'coldStarts'));
    expect(sum(ofTimers(hybrid), 'wastedMs')).toBeLessThan(sum(ofTimers(fixed), 'wastedMs'));
  });
});

function cvOf(calls: readonly number[]): number {
  const gaps = calls.slice(1).map((at, i) => at - (calls[i] ?? 0));
  const mean = gaps.reduce((total, gap) => total + gap, 0) / gaps.length;
  return Math.sqrt(gaps.reduce((total, gap) => total + (gap - mean) ** 2, 0) / gaps.length) / mean;
}
