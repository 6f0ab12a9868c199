import type { MetricPoint, Metrics } from '../../shared/api/metrics.ts';
import type { StartLayer } from '../../shared/invocation.ts';
import { Card } from '../ui/card.tsx';
import { Chart, type ChartProps } from '../ui/chart.tsx';
import { formatCount, formatMs, formatPercent } from '../util/format.ts';

/** In the order in which they happen; `acquireMs` contains the three after it. */
const phases = [
  { key: 'queuedMs', label: 'Queue', note: 'for a place', color: '--series-1', dash: [2, 3] },
  { key: 'acquireMs', label: 'Acquire', note: 'all of the start', color: '--series-5', dash: [6, 3] },
  { key: 'bootMs', label: 'Boot', note: 'the sandbox starts', color: '--series-3' },
  { key: 'loadMs', label: 'Specialise', note: 'the code becomes visible', color: '--series-2' },
  { key: 'initMs', label: 'Init', note: 'imports and init()', color: '--series-4' },
] as const;

/** What a start consists of, and the mean of it. */
const parts = [
  { of: 'boot', color: '--series-3' },
  { of: 'load', color: '--series-2' },
  { of: 'init', color: '--series-4' },
] as const;

const layers = {
  preloaded: 'as copies of preloaded processes',
  'pre-warmed': 'in pre-warmed sandboxes',
  restored: 'from snapshots',
  cold: 'in new sandboxes',
} as const satisfies Partial<Record<StartLayer, string>>;

/** `Started: 12 in pre-warmed sandboxes, 1 in new sandboxes.` */
function startsText(total: Metrics['total']): string {
  const found = Object.entries(layers).flatMap(([layer, text]) => {
    const count = total?.starts[layer as StartLayer] ?? 0;
    return count === 0 ? [] : [`${formatCount(count)} ${text}`];
  });
  return `Started: ${found.join(', ')}.`;
}

function Phases({ phasesOf }: { readonly phasesOf: NonNullable<MetricPoint['coldPhases']> }) {
  return (
    <table className="tabular w-full text-sm">
      <thead className="text-xs text-faint">
        <tr>
          <th scope="col" className="text-left font-medium">
            Phase
          </th>
          <th scope="col" className="text-right font-medium">
            p50
          </th>
          <th scope="col" className="text-right font-medium">
            p95
          </th>
        </tr>
      </thead>
      <tbody>
        {phases.map(({ key, label, note, color }) => (
          <tr key={key} className="h-7 border-b border-line last:border-0">
            <th scope="row" className="text-left font-normal">
              <span
                aria-hidden="true"
                className="mr-2 inline-block size-2 rounded-sm"
                style={{ background: `var(${color})` }}
              />
              {label} <span className="text-xs text-faint">{note}</span>
            </th>
            <td className="pl-3 text-right whitespace-nowrap">{formatMs(phasesOf[key].p50)}</td>
            <td className="pl-3 text-right whitespace-nowrap">{formatMs(phasesOf[key].p95)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What the cold starts of the range consisted of. */
export function ColdStartsCard({ total }: { readonly total: Metrics['total'] }) {
  const cold = total?.coldMs ?? null;
  const share = total === null || total.invocations === 0 ? null : total.coldStarts / total.invocations;
  const sum = cold === null ? 0 : cold.boot + cold.load + cold.init;
  return (
    <Card title="Cold starts" note={`${formatPercent(share)} of calls`}>
      {cold === null || sum === 0 ? (
        <p className="text-sm text-muted">
          No cold start in this range: every call met an instance that was ready. After a deployment, or a pause longer
          than the keep-alive, the first call shows here what its start consisted of.
        </p>
      ) : (
        <div className="flex flex-col gap-3">
          <p className="tabular text-sm text-muted">
            p50 <strong className="font-semibold text-text">{formatMs(cold.p50)}</strong> · p95{' '}
            <strong className="font-semibold text-text">{formatMs(cold.p95)}</strong> · p99{' '}
            <strong className="font-semibold text-text">{formatMs(cold.p99)}</strong>
          </p>
          <div aria-hidden="true" className="flex h-4 overflow-hidden rounded bg-raised">
            {parts.map((part) => (
              <span
                key={part.of}
                style={{ width: `${(cold[part.of] / sum) * 100}%`, background: `var(${part.color})` }}
              />
            ))}
          </div>
          {total?.coldPhases != null && <Phases phasesOf={total.coldPhases} />}
          <p className="text-sm text-muted">{startsText(total)}</p>
        </div>
      )}
    </Card>
  );
}

/** The phases of cold starts over time; not there where none was. */
export function ColdPhaseCharts(props: {
  readonly shared: Pick<ChartProps, 'x' | 'markers' | 'onZoom' | 'syncKey'>;
  readonly points: readonly (MetricPoint | undefined)[];
}) {
  if (props.points.every((point) => (point?.coldPhases ?? null) === null)) return null;
  return (['p50', 'p95'] as const).map((percentile) => (
    <Chart
      key={percentile}
      {...props.shared}
      title={`Phases of cold starts, ${percentile}`}
      shape="lines"
      canLog
      format={formatMs}
      series={phases.map(({ key, label, color, ...more }) => ({
        label,
        color,
        values: props.points.map((point) => point?.coldPhases?.[key][percentile] ?? null),
        ...('dash' in more ? { dash: more.dash } : {}),
      }))}
    />
  ));
}
