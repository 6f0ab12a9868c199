import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { Chart, type ChartProps } from '../ui/chart.tsx';
import { counted, formatCount } from '../util/format.ts';
import { type HeatRows, heatRows } from '../util/heat.ts';
import type { TimeRange } from '../util/time-range.ts';
import { heatDrawing } from './heat-drawing.tsx';

export interface LatencyHeatProps {
  readonly shared: Pick<ChartProps, 'markers' | 'onZoom' | 'syncKey'>;
  readonly range: TimeRange;
  readonly functionName: string;
  readonly isLive: boolean;
}

const nothing: HeatRows = { x: [], rows: [], edges: [] };

/** How many calls took how long, over time: two crowds, a fast one and a slow one, are seen here and in no percentile. */
export function LatencyHeat({ shared, range, functionName, isLive }: LatencyHeatProps) {
  const { data } = useQuery(queries.histogram(useApi(), range, functionName, isLive));
  const { x, rows, edges } = useMemo(() => (data === undefined ? nothing : heatRows(data)), [data]);
  const calls = rows.reduce((sum, { values }) => sum + values.reduce((a: number, value) => a + (value ?? 0), 0), 0);
  return (
    <Chart
      {...shared}
      title="Durations"
      note={`of ${counted(calls, 'call')}, as the caller saw them`}
      shape="heat"
      drawing={heatDrawing}
      x={x}
      edges={edges}
      format={formatCount}
      emptyText={data === undefined ? 'Loading' : 'No requests in this range'}
      series={rows.map(({ label, values }) => ({ label, values, color: '--series-1' }))}
    />
  );
}
