import { useLive } from '../api/context.tsx';
import { Card } from '../ui/card.tsx';
import { formatBytes, formatCount, formatMs, formatPercent } from '../util/format.ts';

function Meter({ label, share, text }: { readonly label: string; readonly share: number; readonly text: string }) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  return (
    <div>
      <div className="tabular flex justify-between text-sm">
        <span className="text-muted">{label}</span>
        <span>{text}</span>
      </div>
      <div aria-hidden="true" className="mt-1 h-1.5 overflow-hidden rounded bg-raised">
        <div
          className={percent >= 90 ? 'h-full bg-danger' : 'h-full bg-series-1'}
          style={{ width: `${Math.max(percent, 1)}%` }}
        />
      </div>
    </div>
  );
}

/** Processor, memory and disk of the machine, as they are this second. */
export function HostFacts() {
  const gauges = useLive().ticks.at(-1)?.gauges;
  const host = gauges?.host;
  const share = (part: number | undefined, whole: number | undefined) => (part ?? 0) / Math.max(1, whole ?? 0);
  const free = host?.diskFreeBytes;
  // All lines are there before their numbers are, so that nothing below them moves.
  return (
    <Card title="Host" note={gauges === undefined ? 'waiting for the first second' : 'live'}>
      <div className="flex flex-col gap-3">
        <Meter
          label={host === undefined ? 'CPU' : `CPU, ${formatCount(host.cpus)} cores`}
          share={share(host?.cpuPercent, 100)}
          text={formatPercent(host === undefined ? null : host.cpuPercent / 100)}
        />
        <Meter
          label="Memory"
          share={share(host?.memoryUsedBytes, host?.memoryTotalBytes)}
          text={`${formatBytes(host?.memoryUsedBytes)} of ${formatBytes(host?.memoryTotalBytes)}`}
        />
        <Meter
          label="Disk where data is kept"
          share={share((host?.diskTotalBytes ?? 0) - (free ?? 0), host?.diskTotalBytes)}
          text={`${formatBytes(free)} free of ${formatBytes(host?.diskTotalBytes)}`}
        />
        <dl className="tabular text-sm">
          {[
            ['Memory of functions', formatBytes(host?.sandboxMemoryBytes)],
            ['Memory of the platform', formatBytes(host?.platformRssBytes)],
            ['Delay of the platform’s event loop', formatMs(host?.loopLagMs)],
            ['Calls in flight, waiting', `${formatCount(gauges?.inFlight)}, ${formatCount(gauges?.queued)}`],
            ['In the durable queue', formatCount(gauges?.asyncDepth)],
            ['Oldest waiting call', formatMs(gauges?.asyncOldestMs)],
          ].map(([name, value]) => (
            <div
              key={name}
              className="flex min-h-7 items-center justify-between gap-4 border-b border-line py-0.5 last:border-0"
            >
              <dt className="text-muted">{name}</dt>
              <dd className="text-right">{value}</dd>
            </div>
          ))}
        </dl>
      </div>
    </Card>
  );
}
