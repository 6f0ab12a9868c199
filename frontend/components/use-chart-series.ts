import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { Metrics } from '../../shared/api/metrics.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import type { ChartMarker } from '../ui/chart.tsx';
import type { TimeRange } from '../util/time-range.ts';

/** What charts draw: the series of the tiles, or the same in seconds where the range is short enough for it. */
export function useChartSeries(
  coarse: Metrics,
  range: TimeRange,
  functionName: string | undefined,
  isLive: boolean,
): Metrics {
  const isFine = range.id === '15m';
  const fine = useQuery({ ...queries.fineMetrics(useApi(), functionName, isLive), enabled: isFine });
  return isFine ? (fine.data ?? coarse) : coarse;
}

/** Deployments in the range, as markers for all of its charts. */
export function useDeploymentMarkers(range: TimeRange, functionName: string | undefined): readonly ChartMarker[] {
  const { data } = useQuery(queries.deployments(useApi(), range, functionName));
  return useMemo(
    () =>
      (data?.items ?? []).map((item) => ({
        at: Date.parse(item.at) / 1000,
        label: functionName === undefined ? `${item.functionName} v${item.version}` : `v${item.version} deployed`,
      })),
    [data, functionName],
  );
}
