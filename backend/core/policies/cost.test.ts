import { expect, it } from 'vitest';
import { costOf, lambdaPrices, sumOfCosts } from './cost.ts';

const totals = {
  version: 1,
  invocations: 3_000_000,
  coldStarts: 10,
  cpuMs: 5_000,
  handlerMs: 3_000_000 * 120,
  initMs: 0,
  responseBytes: 2e9,
  networkSentBytes: 0,
};

it('comes to what the price list of Lambda gives as its example', () => {
  // aws.amazon.com/lambda/pricing: 3 million requests of 120 ms at 1536 MB: 540,000 GB-s = 9.00 USD, requests 0.60 USD, free tier left out.
  const { elsewhere } = costOf(totals, 1536, lambdaPrices);
  expect(elsewhere.requests).toBeCloseTo(0.6);
  expect(elsewhere.duration).toBeCloseTo(9, 3);
  expect(elsewhere.egress).toBeCloseTo(0.18);
  expect(elsewhere.total).toBeCloseTo(9.78, 3);
});

it('counts starts as time that is paid for, and adds up', () => {
  const cold = costOf({ ...totals, initMs: 1_000_000 }, 128, lambdaPrices);
  expect(cold.mbSeconds).toBe(128 * 361_000);
  const sum = sumOfCosts([cold, cold]);
  expect(sum.mbSeconds).toBe(2 * cold.mbSeconds);
  expect(sum.elsewhere.total).toBeCloseTo(2 * cold.elsewhere.total);
  expect(sumOfCosts([]).elsewhere.total).toBe(0);
});

it('takes what functions sent themselves for data out, as it does responses', () => {
  const cost = costOf({ ...totals, networkSentBytes: 3e9 }, 128, lambdaPrices);
  expect(cost).toMatchObject({ responseBytes: 2e9, networkSentBytes: 3e9, egressBytes: 5e9 });
  expect(cost.elsewhere.egress).toBeCloseTo(0.45);
  expect(sumOfCosts([cost, cost])).toMatchObject({ responseBytes: 4e9, networkSentBytes: 6e9, egressBytes: 10e9 });
});
