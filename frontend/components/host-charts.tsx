import type { LiveTick } from '../../shared/api/metrics.ts';
import { Chart, type ChartMarker } from '../ui/chart.tsx';
import { formatBytes, formatPercent } from '../util/format.ts';
import { useZoom } from '../util/hooks.ts';
import type { TimeRange } from '../util/time-range.ts';

export interface HostChartsProps {
  readonly ticks: readonly LiveTick[];
  readonly range: TimeRange;
  readonly markers: readonly ChartMarker[];
}

/** CPU and memory of the host against what it has, since this tab listens; the platform keeps no history of them. */
export function HostCharts({ ticks: all, range: { fixed }, markers }: HostChartsProps) {
  const onZoom = useZoom();
  const isShown = (at: number) => fixed === undefined || (at >= fixed.fromMs && at <= fixed.toMs);
  const ticks = all.filter((tick) => isShown(Date.parse(tick.at)));
  const x = ticks.map((tick) => Date.parse(tick.at) / 1000);
  const host = ticks.map((tick) => tick.gauges.host);
  const total = host.at(-1)?.memoryTotalBytes;
  const shared = {
    x,
    markers,
    onZoom,
    // With all charts of the page: the crosshair is shared by time, whatever part of it a chart shows.
    syncKey: 'overview',
    emptyText: fixed === undefined ? 'Waiting for the first second' : 'This page was not open then',
    ...(fixed === undefined ? { minSpanSeconds: 120 } : {}),
  } as const;
  return (
    <>
      <Chart
        {...shared}
        title="CPU of the host"
        note="since this page is open"
        shape="areas"
        max={1}
        format={formatPercent}
        series={[{ label: 'Used', values: host.map((gauge) => gauge.cpuPercent / 100), color: '--series-1' }]}
      />
      <Chart
        {...shared}
        title="Memory of the host"
        isBinary
        {...(total === undefined ? {} : { max: total })}
        note={total === undefined ? 'since this page is open' : `of ${formatBytes(total)}, since this page is open`}
        shape="lines"
        format={formatBytes}
        series={[
          { label: 'Host', values: host.map((gauge) => gauge.memoryUsedBytes), color: '--series-1' },
          {
            label: 'Functions',
            values: host.map((gauge) => gauge.sandboxMemoryBytes),
            color: '--series-2',
            dash: [6, 3],
          },
          { label: 'Platform', values: host.map((gauge) => gauge.platformRssBytes), color: '--series-4', dash: [2, 3] },
        ]}
      />
    </>
  );
}
