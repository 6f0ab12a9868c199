import type { GaugeName, Gauges } from './api/metrics.ts';

/** The gauges of one moment under the names that their history has. What is not known counts as 0. */
export function gaugeValues({ host, instances, inFlight, queued, ...async }: Gauges): Record<GaugeName, number> {
  const { diskFreeBytes, ...rest } = host;
  return {
    ...rest,
    diskUsedBytes: Math.max(0, host.diskTotalBytes - diskFreeBytes),
    instancesStarting: instances.starting,
    instancesIdle: instances.idle,
    instancesBusy: instances.busy,
    inFlight,
    queued,
    asyncDepth: async.asyncDepth ?? 0,
    asyncOldestMs: async.asyncOldestMs ?? 0,
  };
}
