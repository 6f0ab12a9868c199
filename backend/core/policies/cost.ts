import type { PriceTable } from '../../../shared/api/cost.ts';

/** What the calls of one version used in some time. */
export interface VersionTotals {
  readonly version: number;
  readonly invocations: number;
  readonly coldStarts: number;
  readonly cpuMs: number;
  /** In handlers. */
  readonly handlerMs: number;
  /** Importing user code and running its `init`. */
  readonly initMs: number;
  readonly responseBytes: number;
  /** By the function itself, where its isolation level can tell. */
  readonly networkSentBytes: number;
}

export interface UsageCost {
  readonly invocations: number;
  readonly coldStarts: number;
  readonly cpuSeconds: number;
  readonly mbSeconds: number;
  readonly responseBytes: number;
  readonly networkSentBytes: number;
  readonly egressBytes: number;
  readonly elsewhere: {
    readonly requests: number;
    readonly duration: number;
    readonly egress: number;
    readonly total: number;
  };
}

/** AWS Lambda, x86, first tier, us-east-1, and data transfer out of EC2 (https://aws.amazon.com/lambda/pricing/). Free tiers are left out. */
export const lambdaPrices: PriceTable = {
  name: 'AWS Lambda, x86, us-east-1, list price without free tier',
  currency: 'USD',
  perMillionRequests: 0.2,
  perGbSecond: 0.000_016_666_7,
  perGbEgress: 0.09,
};

const noCost: UsageCost = {
  invocations: 0,
  coldStarts: 0,
  cpuSeconds: 0,
  mbSeconds: 0,
  responseBytes: 0,
  networkSentBytes: 0,
  egressBytes: 0,
  elsewhere: { requests: 0, duration: 0, egress: 0, total: 0 },
};

/** The use of one version, and what it would cost at `prices`. Duration is billed as Lambda does: handler and init, times the memory of the version; data out are responses and what the function sent itself. */
export function costOf(totals: VersionTotals, memoryMb: number, prices: PriceTable): UsageCost {
  const mbSeconds = (memoryMb * (totals.handlerMs + totals.initMs)) / 1000;
  const requests = (totals.invocations / 1e6) * prices.perMillionRequests;
  const duration = (mbSeconds / 1024) * prices.perGbSecond;
  const { responseBytes, networkSentBytes } = totals;
  const egressBytes = responseBytes + networkSentBytes;
  const egress = (egressBytes / 1e9) * prices.perGbEgress;
  return {
    invocations: totals.invocations,
    coldStarts: totals.coldStarts,
    cpuSeconds: totals.cpuMs / 1000,
    mbSeconds,
    responseBytes,
    networkSentBytes,
    egressBytes,
    elsewhere: { requests, duration, egress, total: requests + duration + egress },
  };
}

export function sumOfCosts(costs: readonly UsageCost[]): UsageCost {
  return costs.reduce(
    (a, b) => ({
      invocations: a.invocations + b.invocations,
      coldStarts: a.coldStarts + b.coldStarts,
      cpuSeconds: a.cpuSeconds + b.cpuSeconds,
      mbSeconds: a.mbSeconds + b.mbSeconds,
      responseBytes: a.responseBytes + b.responseBytes,
      networkSentBytes: a.networkSentBytes + b.networkSentBytes,
      egressBytes: a.egressBytes + b.egressBytes,
      elsewhere: {
        requests: a.elsewhere.requests + b.elsewhere.requests,
        duration: a.elsewhere.duration + b.elsewhere.duration,
        egress: a.elsewhere.egress + b.elsewhere.egress,
        total: a.elsewhere.total + b.elsewhere.total,
      },
    }),
    noCost,
  );
}
