import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { FunctionDocument } from '../../shared/api/functions.ts';
import type { Metrics } from '../../shared/api/metrics.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { MetricCharts } from '../components/metric-charts.tsx';
import { MetricTiles } from '../components/metric-tiles.tsx';
import { QueryView } from '../components/query-view.tsx';
import { RangePicker } from '../components/range-picker.tsx';
import { Tile } from '../components/tile.tsx';
import { useFunction } from '../components/use-function.ts';
import { paths } from '../path-builder.ts';
import { Card } from '../ui/card.tsx';
import { CodeBlock, CopyButton } from '../ui/copy-button.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { formatBytes, formatCount, formatMs, formatPercent } from '../util/format.ts';
import { useTimeRange } from '../util/hooks.ts';
import { cliSnippet, curlSnippet, fetchSnippet } from '../util/snippets.ts';

const sampleBody = '{"name":"Ada"}';

function CallCard({ fn }: { readonly fn: FunctionDocument }) {
  const snippets = [
    { id: 'curl', label: 'curl', text: curlSnippet(fn.url, sampleBody) },
    { id: 'fetch', label: 'fetch', text: fetchSnippet(fn.url, sampleBody) },
    { id: 'cli', label: 'CLI', text: cliSnippet(fn.name, sampleBody) },
  ];
  return (
    <Card title="Call it">
      <div className="mb-2 flex items-center gap-1">
        <a
          href={fn.url}
          target="_blank"
          rel="noreferrer"
          className="min-w-0 font-mono text-sm break-all text-accent underline"
        >
          {fn.url}
        </a>
        <CopyButton text={fn.url} label="Copy the address" />
      </div>
      <Tabs
        label="Call from"
        items={snippets.map((item) => ({
          id: item.id,
          label: item.label,
          content: <CodeBlock text={item.text} label={`${item.label} call`} />,
        }))}
      />
    </Card>
  );
}

const coldPhases = [
  { key: 'boot', label: 'Boot', note: 'the sandbox starts', color: '--series-3' },
  { key: 'load', label: 'Load', note: 'the code becomes visible', color: '--series-2' },
  { key: 'init', label: 'Init', note: 'imports and init()', color: '--series-4' },
] as const;

function ColdStarts({ total }: { readonly total: Metrics['total'] }) {
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
            {coldPhases.map((phase) => (
              <span
                key={phase.key}
                style={{ width: `${(cold[phase.key] / sum) * 100}%`, background: `var(${phase.color})` }}
              />
            ))}
          </div>
          <dl className="text-sm">
            {coldPhases.map((phase) => (
              <div
                key={phase.key}
                className="flex min-h-7 items-center justify-between border-b border-line last:border-0"
              >
                <dt className="flex items-center gap-2">
                  <span
                    aria-hidden="true"
                    className="size-2 rounded-sm"
                    style={{ background: `var(${phase.color})` }}
                  />
                  {phase.label} <span className="text-xs text-faint">{phase.note}</span>
                </dt>
                <dd className="tabular">{formatMs(cold[phase.key])}</dd>
              </div>
            ))}
          </dl>
        </div>
      )}
    </Card>
  );
}

function NoCallsYet({ fn }: { readonly fn: FunctionDocument }) {
  return (
    <p className="rounded-md border border-line bg-raised px-3 py-2 text-sm text-muted md:col-span-2">
      No calls in this range. Send one with the curl line below, or{' '}
      <Link to={paths.function(fn.name, 'code')} className="text-accent underline">
        test it beside its code
      </Link>
      ; it appears here within seconds.
    </p>
  );
}

export function FunctionOverviewTab() {
  const fn = useFunction();
  const [range] = useTimeRange();
  const [isLive, setIsLive] = useState(true);
  const metrics = useQuery(queries.metrics(useApi(), range, fn.name, isLive));
  return (
    <>
      <div className="mb-4 flex justify-end">
        <RangePicker isLive={isLive} onLive={setIsLive} />
      </div>
      <QueryView query={metrics} lines={10}>
        {(data) => (
          <div className="grid gap-4 md:grid-cols-2">
            <div className="grid grid-cols-1 gap-4 min-[420px]:grid-cols-2 md:col-span-2 xl:grid-cols-4">
              <MetricTiles metrics={data} range={range} isLive={isLive} functionName={fn.name} />
              <Tile
                label="Peak memory"
                value={formatBytes(data.total?.peakMemoryBytes)}
                note={`${formatMs(data.total?.cpuMs)} CPU · ${formatCount(data.total?.coldStarts ?? 0)} cold starts`}
              />
            </div>
            {data.total === null && <NoCallsYet fn={fn} />}
            <MetricCharts metrics={data} syncKey="function" />
            <CallCard fn={fn} />
            <ColdStarts total={data.total} />
          </div>
        )}
      </QueryView>
    </>
  );
}
