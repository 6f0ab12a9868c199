import { describe, expect, it } from 'vitest';
import { faultOfCanary } from './canary.ts';

const limits = { maxErrorRateRise: 0.05, minInvocations: 20 };
const calls = (invocations: number, errors: number, p95Ms?: number) => ({ invocations, errors, p95Ms });

describe('faultOfCanary', () => {
  it('says nothing of too few calls, however many fail', () =>
    expect(faultOfCanary(calls(19, 19), calls(100, 0), limits)).toBeUndefined());

  it('compares with the stable version: what fails there too is not the fault of the canary', () => {
    expect(faultOfCanary(calls(20, 10), calls(100, 50), limits)).toBeUndefined();
    expect(faultOfCanary(calls(20, 10), calls(200, 10), limits)).toBe('50 % of 20 calls failed, against 5 % of 200');
  });

  it('lets the rise up to its limit pass, and takes a stable version without calls for one that never fails', () => {
    expect(faultOfCanary(calls(20, 1), calls(0, 0), limits)).toBeUndefined();
    expect(faultOfCanary(calls(20, 2), calls(0, 0), limits)).toContain('10 %');
  });

  it('compares how slow they are where that is asked for, with enough calls of both', () => {
    const slow = { ...limits, maxP95Ratio: 1.5 };
    expect(faultOfCanary(calls(20, 0, 900), calls(100, 0, 100), limits)).toBeUndefined();
    expect(faultOfCanary(calls(20, 0, 151), calls(100, 0, 100), slow)).toBe(
      'p95 was 151 ms in 20 calls, against 100 ms in 100',
    );
    expect(faultOfCanary(calls(20, 0, 150), calls(100, 0, 100), slow)).toBeUndefined();
    expect(faultOfCanary(calls(19, 0, 900), calls(100, 0, 100), slow)).toBeUndefined();
    expect(faultOfCanary(calls(20, 0, 900), calls(19, 0, 100), slow)).toBeUndefined();
    expect(faultOfCanary(calls(20, 0), calls(100, 0, 100), slow)).toBeUndefined();
  });

  it('takes a few milliseconds for noise, and tells of failures first', () => {
    const slow = { ...limits, maxP95Ratio: 1.5 };
    expect(faultOfCanary(calls(20, 0, 5.9), calls(100, 0, 1), slow)).toBeUndefined();
    expect(faultOfCanary(calls(20, 0, 6), calls(100, 0, 1), slow)).toContain('p95 was 6 ms');
    expect(faultOfCanary(calls(20, 20, 900), calls(100, 0, 1), slow)).toContain('failed');
  });
});
