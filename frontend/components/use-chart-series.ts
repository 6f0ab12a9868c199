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

/** Deployments in the range and canaries that were taken back, as markers for all of its charts. */
export function useDeploymentMarkers(range: TimeRange, functionName: string | undefined): readonly ChartMarker[] {
  const api = useApi();
  const { data } = useQuery(queries.deployments(api, range, functionName));
  const { data: aborts } = useQuery(queries.canaryAborts(api, range, functionName));
  return useMemo(() => {
    const subject = (name: string) => (functionName === undefined ? `${name} ` : '');
    const mark = (at: string, label: string): ChartMarker => ({ at: Date.parse(at) / 1000, label });
    return [
      ...(data?.items ?? []).map((item) =>
        mark(item.at, `${subject(item.functionName)}v${item.version}${functionName === undefined ? '' : ' deployed'}`),
      ),
      ...(aborts?.items ?? []).map((item) =>
        mark(item.at, `${subject(item.functionName)}v${item.version} taken back to v${item.stable}`),
      ),
    ];
  }, [data, aborts, functionName]);
}
