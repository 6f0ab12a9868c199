import type { Metrics } from '../../shared/api/metrics.ts';
import { Chart } from '../ui/chart.tsx';
import { formatMs, formatRate } from '../util/format.ts';
import { gridOf, requestColumns, requestGroups } from '../util/series.ts';

const groupColors = {
  Success: '--series-1',
  'Function error': '--series-3',
  'Timeout or limit': '--series-2',
  Platform: '--series-4',
  Throttled: '--series-5',
} as const;

/** Requests by how they ended, and latency percentiles; null-free steps only where something happened. */
export function MetricCharts({ metrics, syncKey }: { readonly metrics: Metrics; readonly syncKey: string }) {
  const { x, points } = gridOf(metrics);
  const columns = requestColumns(points, metrics.stepMs);
  const isUsed = (values: readonly (number | null)[]) => values.some((value) => value !== null && value > 0);
  const shown = requestGroups.filter((group) => group === 'Success' || isUsed(columns[group]));
  const latency = (pick: 'p50' | 'p95' | 'p99') => points.map((point) => point?.totalMs?.[pick] ?? null);
  return (
    <>
      <Chart
        title="Requests"
        note="per second, by outcome"
        shape="stacked-bars"
        x={x}
        syncKey={syncKey}
        format={formatRate}
        emptyText="No requests in this range"
        series={shown.map((group) => ({ label: group, values: columns[group], color: groupColors[group] }))}
      />
      <Chart
        title="Latency"
        note="as the caller saw it"
        shape="lines"
        x={x}
        syncKey={syncKey}
        format={formatMs}
        emptyText="No requests in this range"
        series={[
          { label: 'p50', values: latency('p50'), color: '--series-1' },
          { label: 'p95', values: latency('p95'), color: '--series-2', dash: [6, 3] },
          { label: 'p99', values: latency('p99'), color: '--series-3', dash: [2, 3] },
        ]}
      />
    </>
  );
}
