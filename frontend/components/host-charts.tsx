import { useQuery } from '@tanstack/react-query';
import { useMemo, useRef } from 'react';
import { useApi, useLive } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { Chart, type ChartMarker } from '../ui/chart.tsx';
import { formatBytes, formatCount, formatMs, formatPercent } from '../util/format.ts';
import { type GaugeGrid, gaugeGrid } from '../util/gauge-series.ts';
import { useZoom } from '../util/hooks.ts';
import type { Column } from '../util/series.ts';
import type { TimeRange } from '../util/time-range.ts';

export interface HostChartsProps {
  readonly range: TimeRange;
  /** Follows the clock; otherwise what is shown stays as it is. */
  readonly isLive: boolean;
  readonly markers: readonly ChartMarker[];
  readonly syncKey: string;
  /** Disk, instances, calls and the event loop too, as the page about the machine shows them. */
  readonly isWhole?: boolean;
}

const none: ReturnType<typeof useLive>['ticks'] = [];
const nothing: GaugeGrid = { x: [], stepMs: 1000, column: () => [] };
const wholes = (value: number | null) => (value === null ? '–' : formatCount(Math.round(value * 10) / 10));

/** Processor and memory of the host against what it has, as the platform keeps them, up to this second. */
export function HostCharts({ range, isLive, markers, syncKey, isWhole = false }: HostChartsProps) {
  const onZoom = useZoom();
  const { data } = useQuery(queries.gauges(useApi(), range, isLive));
  const { ticks } = useLive();
  // Of a pause, what had been heard until then stays.
  const heard = useRef(ticks);
  if (isLive) heard.current = ticks;
  const since = range.fixed === undefined ? heard.current : none;
  const grid = useMemo(() => (data === undefined ? nothing : gaugeGrid(data, since)), [data, since]);
  const last = (name: Parameters<GaugeGrid['column']>[0]) =>
    grid.column(name).findLast((value) => value !== null) ?? undefined;
  const memory = last('memoryTotalBytes');
  const queue = grid.column('asyncDepth', 'max');
  const shared = {
    x: grid.x,
    markers,
    onZoom,
    syncKey,
    emptyText: data === undefined ? 'Loading' : 'The platform did not run then',
  } as const;
  return (
    <>
      <Chart
        {...shared}
        title="CPU of the host"
        note={last('cpus') === undefined ? '' : `of ${last('cpus')} cores`}
        shape="lines"
        max={1}
        format={formatPercent}
        series={[
          { label: 'Used', values: shares(grid.column('cpuPercent')), color: '--series-1' },
          ...(grid.stepMs > 1000
            ? [
                {
                  label: 'Busiest second',
                  values: shares(grid.column('cpuPercent', 'max')),
                  color: '--series-2',
                  dash: [2, 3],
                },
              ]
            : []),
        ]}
      />
      <Chart
        {...shared}
        title="Memory of the host"
        isBinary
        {...(memory === undefined ? {} : { max: memory, note: `of ${formatBytes(memory)}` })}
        shape="lines"
        format={formatBytes}
        series={[
          { label: 'Host', values: grid.column('memoryUsedBytes', 'max'), color: '--series-1' },
          {
            label: 'Functions',
            values: grid.column('sandboxMemoryBytes', 'max'),
            color: '--series-2',
            dash: [6, 3],
          },
          { label: 'Platform', values: grid.column('platformRssBytes', 'max'), color: '--series-4', dash: [2, 3] },
        ]}
      />
      <Chart
        {...shared}
        {...(data === undefined || isKnown(queue) ? {} : { emptyText: 'Known of the whole platform alone' })}
        title="Durable queue"
        note="most calls at a time"
        shape="lines"
        canLog
        format={wholes}
        series={[{ label: 'Waiting', values: queue, color: '--series-4' }]}
      />
      {isWhole && <MachineCharts grid={grid} shared={shared} disk={last('diskTotalBytes')} />}
    </>
  );
}

function MachineCharts({
  grid,
  shared,
  disk,
}: {
  readonly grid: GaugeGrid;
  readonly shared: Pick<Parameters<typeof Chart>[0], 'x' | 'markers' | 'onZoom' | 'syncKey' | 'emptyText'>;
  readonly disk: number | undefined;
}) {
  return (
    <>
      <Chart
        {...shared}
        title="Instances over time"
        note="mean of each step"
        shape="areas"
        format={wholes}
        series={[
          { label: 'Busy', values: grid.column('instancesBusy'), color: '--series-1' },
          { label: 'Idle', values: grid.column('instancesIdle'), color: '--series-4' },
          { label: 'Starting', values: grid.column('instancesStarting'), color: '--series-2' },
        ]}
      />
      <Chart
        {...shared}
        title="Calls"
        note="most at a time"
        shape="lines"
        format={wholes}
        series={[
          { label: 'In flight', values: grid.column('inFlight', 'max'), color: '--series-1' },
          { label: 'Waiting', values: grid.column('queued', 'max'), color: '--series-2', dash: [6, 3] },
        ]}
      />
      <Chart
        {...shared}
        title="Oldest waiting call"
        note="of the durable queue, since it was due"
        shape="lines"
        canLog
        format={formatMs}
        series={[{ label: 'Waited', values: grid.column('asyncOldestMs', 'max'), color: '--series-2' }]}
      />
      <Chart
        {...shared}
        title="Disk where data is kept"
        isBinary
        {...(disk === undefined ? {} : { max: disk, note: `of ${formatBytes(disk)}` })}
        shape="lines"
        format={formatBytes}
        series={[{ label: 'Used', values: grid.column('diskUsedBytes', 'max'), color: '--series-1' }]}
      />
      <Chart
        {...shared}
        title="Delay of the event loop"
        note="of the platform"
        shape="lines"
        format={formatMs}
        series={[{ label: 'Longest', values: grid.column('loopLagMs', 'max'), color: '--series-3' }]}
      />
    </>
  );
}

const isKnown = (column: Column) => column.some((value) => value !== null);
const shares = (column: Column): Column => column.map((value) => (value === null ? null : value / 100));
