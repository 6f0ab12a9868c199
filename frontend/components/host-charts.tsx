import type { LiveTick } from '../../shared/api/metrics.ts';
import { Chart } from '../ui/chart.tsx';
import { formatBytes, formatPercent } from '../util/format.ts';

/** CPU and memory of the host against what it has, since this tab listens; the platform keeps no history of them. */
export function HostCharts({ ticks }: { readonly ticks: readonly LiveTick[] }) {
  const x = ticks.map((tick) => Date.parse(tick.at) / 1000);
  const host = ticks.map((tick) => tick.gauges.host);
  const total = host.at(-1)?.memoryTotalBytes;
  return (
    <>
      <Chart
        title="CPU of the host"
        note="since this page is open"
        shape="areas"
        x={x}
        max={1}
        minSpanSeconds={120}
        format={formatPercent}
        emptyText="Waiting for the first second"
        series={[{ label: 'Used', values: host.map((gauge) => gauge.cpuPercent / 100), color: '--series-1' }]}
      />
      <Chart
        title="Memory of the host"
        isBinary
        minSpanSeconds={120}
        {...(total === undefined ? {} : { max: total })}
        note={total === undefined ? 'since this page is open' : `of ${formatBytes(total)}, since this page is open`}
        shape="lines"
        x={x}
        format={formatBytes}
        emptyText="Waiting for the first second"
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
