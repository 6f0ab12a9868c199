import { memo } from 'react';
import type { Metrics } from '../../shared/api/metrics.ts';
import { Chart, type ChartMarker } from '../ui/chart.tsx';
import { formatMs, formatPercent, formatRate } from '../util/format.ts';
import { useZoom } from '../util/hooks.ts';
import { errorColumn, errorKindColumns, gridOf, requestColumns, requestGroups } from '../util/series.ts';

const groupColors = {
  Success: '--series-1',
  'Function error': '--series-3',
  'Timeout or limit': '--series-2',
  Platform: '--series-4',
  Throttled: '--series-5',
} as const;
const kindColors = ['--series-3', '--series-2', '--series-4', '--series-1', '--series-5'] as const;

/** More bars than this would each be thinner than a pixel. */
const maxBars = 400;

export interface MetricChartsProps {
  readonly metrics: Metrics;
  readonly syncKey: string;
  readonly markers: readonly ChartMarker[];
  /** `cores`: what the host has, or what a function may use. */
  readonly cores: number | undefined;
}

/** Requests by how they ended, latency percentiles, errors by kind, and processor time; gaps where nothing happened. */
// Pages with live numbers are rendered every second, and these change every few.
export const MetricCharts = memo(function MetricCharts({ metrics, syncKey, markers, cores }: MetricChartsProps) {
  const onZoom = useZoom();
  const { x, points } = gridOf(metrics);
  const columns = requestColumns(points, metrics.stepMs);
  const isUsed = (values: readonly (number | null)[]) => values.some((value) => value !== null && value > 0);
  const shown = requestGroups.filter((group) => group === 'Success' || isUsed(columns[group]));
  const latency = (pick: 'p50' | 'p95' | 'p99') => points.map((point) => point?.totalMs?.[pick] ?? null);
  const kinds = errorKindColumns(points, metrics.stepMs);
  const stacked = x.length > maxBars ? 'areas' : 'stacked-bars';
  const shared = { x, syncKey, markers, onZoom } as const;
  return (
    <>
      <Chart
        {...shared}
        title="Requests"
        note="per second, by outcome"
        shape={stacked}
        format={formatRate}
        emptyText="No requests in this range"
        series={shown.map((group) => ({ label: group, values: columns[group], color: groupColors[group] }))}
      />
      <Chart
        {...shared}
        title="Latency"
        note="as the caller saw it"
        shape="lines"
        canLog
        format={formatMs}
        emptyText="No requests in this range"
        series={[
          { label: 'p50', values: latency('p50'), color: '--series-1' },
          { label: 'p95', values: latency('p95'), color: '--series-2', dash: [6, 3] },
          { label: 'p99', values: latency('p99'), color: '--series-3', dash: [2, 3] },
        ]}
      />
      <Chart
        {...shared}
        title="Errors"
        note="per second, by kind"
        shape={stacked}
        format={formatRate}
        emptyText="No errors in this range"
        series={kinds.map(({ kind, values }, index) => ({
          label: kind,
          values,
          color: kindColors[index] ?? '--series-5',
        }))}
      />
      <Chart
        {...shared}
        title="Error rate"
        note="of the calls that ran"
        shape="lines"
        format={formatPercent}
        emptyText="No requests in this range"
        series={[{ label: 'Failed', values: errorColumn(points), color: '--series-3' }]}
      />
      <Chart
        {...shared}
        title="CPU of functions"
        note={cores === undefined ? 'cores in use' : `cores in use, of ${cores}`}
        shape="lines"
        format={formatCores}
        emptyText="No requests in this range"
        series={[
          {
            label: 'Cores',
            values: points.map((point) => (point === undefined ? null : point.cpuMs / metrics.stepMs)),
            color: '--series-4',
          },
        ]}
      />
    </>
  );
});

function formatCores(value: number | null): string {
  if (value === null) return '–';
  if (value === 0) return '0';
  if (value < 0.0001) return '<0.0001';
  return value < 0.1 ? String(Number(value.toPrecision(2))) : value.toFixed(2);
}
