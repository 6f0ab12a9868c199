import { describe, expect, it } from 'vitest';
import { faultOfCanary } from './canary.ts';

const limits = { maxErrorRateRise: 0.05, minInvocations: 20 };
const calls = (invocations: number, errors: number) => ({ invocations, errors });

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
});
