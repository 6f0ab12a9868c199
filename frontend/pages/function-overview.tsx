import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { FunctionDocument } from '../../shared/api/functions.ts';
import type { MetricPoint, Metrics } from '../../shared/api/metrics.ts';
import { MiB } from '../../shared/limits.ts';
import type { VersionConfig } from '../../shared/version-config.ts';
import { useApi } from '../api/context.tsx';
import { queries } from '../api/queries.ts';
import { CanaryAborts, useAreAbortsKnown } from '../components/canary-aborts.tsx';
import { ColdPhaseCharts, ColdStartsCard } from '../components/cold-starts.tsx';
import { EgressCard } from '../components/egress-card.tsx';
import { InstancesCard } from '../components/instances-card.tsx';
import { LatencyHeat } from '../components/latency-heat.tsx';
import { MetricCharts } from '../components/metric-charts.tsx';
import { MetricTiles } from '../components/metric-tiles.tsx';
import { QueryView } from '../components/query-view.tsx';
import { RangePicker } from '../components/range-picker.tsx';
import { RecentErrors } from '../components/recent-errors.tsx';
import { ScalingCard } from '../components/scaling-card.tsx';
import { Tile } from '../components/tile.tsx';
import { TogetherCard } from '../components/together-card.tsx';
import { TriggersCard } from '../components/triggers-card.tsx';
import { useChartSeries, useDeploymentMarkers } from '../components/use-chart-series.ts';
import { useFunction } from '../components/use-function.ts';
import { paths } from '../path-builder.ts';
import { Card } from '../ui/card.tsx';
import { Chart, type ChartProps } from '../ui/chart.tsx';
import { CodeBlock, CopyButton } from '../ui/copy-button.tsx';
import { PressedChoice } from '../ui/pressed-choice.tsx';
import { counted, formatBytes, formatCount, formatMs, formatRate } from '../util/format.ts';
import { useTimeRange, useZoom } from '../util/hooks.ts';
import { gridOf } from '../util/series.ts';
import { cliSnippet, curlSnippet, fetchSnippet } from '../util/snippets.ts';

/** What the examples and templates understand; others see where their own goes. */
const sampleQuery = '?name=Ada';
const sampleEvent = '{"name":"Ada"}';

const snippetsOf = (fn: FunctionDocument) =>
  [
    { id: 'curl', label: 'curl', text: curlSnippet(`${fn.url}${sampleQuery}`, undefined) },
    { id: 'fetch', label: 'fetch', text: fetchSnippet(`${fn.url}${sampleQuery}`, undefined) },
    { id: 'cli', label: 'CLI', text: cliSnippet(fn.name, sampleEvent) },
  ] as const;

/** Where it answers, ready to be copied in the form that is needed: what most people come to the page for. */
function AddressLine({ fn }: { readonly fn: FunctionDocument }) {
  return (
    <div className="flex min-w-0 flex-wrap items-center gap-1">
      <a
        href={fn.url}
        target="_blank"
        rel="noreferrer"
        className="min-w-0 font-mono text-sm break-all text-accent underline"
      >
        {fn.url}
      </a>
      <CopyButton text={fn.url} label="Copy the address" />
      {snippetsOf(fn).map(({ id, label, text }) => (
        <CopyButton key={id} text={text} label={`Copy as ${label}`}>
          {label}
        </CopyButton>
      ))}
    </div>
  );
}

function CallCard({ fn }: { readonly fn: FunctionDocument }) {
  const snippets = snippetsOf(fn);
  const [id, setId] = useState<string>(snippets[0].id);
  const chosen = snippets.find((snippet) => snippet.id === id) ?? snippets[0];
  return (
    <Card title="Call it">
      <PressedChoice legend="Call from" items={snippets} chosen={id} onChoose={setId} className="mb-3 w-fit" />
      <CodeBlock text={chosen.text} label={`${chosen.label} call`} />
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

const ioSeries = [
  { field: 'networkReceivedBytes', label: 'Received', color: '--series-1' },
  { field: 'networkSentBytes', label: 'Sent', color: '--series-2' },
  { field: 'diskReadBytes', label: 'Read from disk', color: '--series-4' },
  { field: 'diskWrittenBytes', label: 'Written to disk', color: '--series-3' },
] as const;

/** Network and disk of the instances; only where the isolation level can tell and something moved. */
function IoChart(props: {
  shared: Pick<ChartProps, 'x' | 'markers' | 'onZoom' | 'syncKey'>;
  points: readonly (MetricPoint | undefined)[];
  stepMs: number;
}) {
  const moved = ioSeries.filter(({ field }) => props.points.some((point) => (point?.[field] ?? 0) > 0));
  if (moved.length === 0) return null;
  return (
    <Chart
      {...props.shared}
      title="Network and disk"
      note="bytes a second, of all instances"
      isBinary
      shape="lines"
      format={formatBytes}
      emptyText="Nothing moved in this range"
      series={moved.map(({ field, label, color }) => ({
        label,
        color,
        values: props.points.map((point) => (point === undefined ? null : point[field] / (props.stepMs / 1000))),
      }))}
    />
  );
}

/** Of the version that is live, of the latest when nothing is live. */
const useLiveConfig = (fn: FunctionDocument): VersionConfig | undefined =>
  useQuery(queries.version(useApi(), fn.name, fn.liveVersion ?? fn.latestVersion)).data?.config;

const formatAtOnce = (value: number | null) => (value === null ? '–' : value.toFixed(value < 10 ? 2 : 0));

/** The charts of every function, and its memory and cold starts. */
function Charts({ metrics, fn, isLive }: { metrics: Metrics; fn: FunctionDocument; isLive: boolean }) {
  const [range] = useTimeRange();
  const onZoom = useZoom();
  const series = useChartSeries(metrics, range, fn.name, isLive);
  const markers = useDeploymentMarkers(range, fn.name);
  const config = useLiveConfig(fn);
  const { x, points } = gridOf(series);
  const limit = config === undefined ? undefined : config.memoryMb * MiB;
  const places = config === undefined ? undefined : config.maxInstances * config.concurrency;
  const memory = (share: 'p50' | 'p95' | 'max') => points.map((point) => point?.memoryBytes?.[share] ?? null);
  const shared = { x, markers, onZoom, syncKey: 'function' } as const;
  return (
    <>
      <MetricCharts metrics={series} syncKey="function" markers={markers} cores={undefined} />
      <LatencyHeat shared={shared} range={range} functionName={fn.name} isLive={isLive} />
      <Chart
        {...shared}
        title="Memory"
        note="of an instance, against its limit"
        isBinary
        shape="lines"
        format={formatBytes}
        emptyText="No instance in this range"
        series={[
          {
            label: 'Peak of a call',
            values: points.map((point) => point?.peakMemoryBytes || null),
            color: '--series-5',
          },
          { label: 'Largest', values: memory('max'), color: '--series-1' },
          { label: 'p95', values: memory('p95'), color: '--series-2', dash: [6, 3] },
          { label: 'p50', values: memory('p50'), color: '--series-4', dash: [2, 3] },
          ...(limit === undefined
            ? []
            : [{ label: 'Limit', values: points.map(() => limit), color: '--series-3', dash: [6, 3] }]),
        ]}
      />
      <Chart
        {...shared}
        title="Calls at a time"
        note={places === undefined ? 'mean of each step' : `mean of each step, of ${formatCount(places)}`}
        shape="lines"
        format={formatAtOnce}
        emptyText="No requests in this range"
        series={[
          {
            label: 'In handlers',
            values: points.map((point) => (point === undefined ? null : point.handlerTotalMs / series.stepMs)),
            color: '--series-1',
          },
        ]}
      />
      <IoChart shared={shared} points={points} stepMs={series.stepMs} />
      <Chart
        {...shared}
        title="Starts"
        note="cold starts a second"
        shape="stacked-bars"
        format={formatRate}
        emptyText="No cold starts in this range"
        series={[
          {
            label: 'Cold',
            values: points.map((point) => (point === undefined ? null : point.coldStarts / (series.stepMs / 1000))),
            color: '--series-4',
          },
        ]}
      />
      <ColdPhaseCharts shared={shared} points={points} />
    </>
  );
}

/** What is there now, what calls it, and what failed last. */
function LiveCards({ fn }: { readonly fn: FunctionDocument }) {
  const config = useLiveConfig(fn);
  return (
    <>
      <InstancesCard functionName={fn.name} config={config} />
      <TriggersCard fn={fn} config={config} />
      <RecentErrors functionName={fn.name} />
    </>
  );
}

function WayOut({ fn, total }: { readonly fn: FunctionDocument; readonly total: Metrics['total'] }) {
  return <EgressCard functionName={fn.name} egress={useLiveConfig(fn)?.egress} total={total} />;
}

export function FunctionOverviewTab() {
  const fn = useFunction();
  const [range] = useTimeRange();
  const [isFollowing, setIsFollowing] = useState(true);
  const isLive = isFollowing && range.fixed === undefined;
  const metrics = useQuery(queries.metrics(useApi(), range, fn.name, isLive));
  const isTopKnown = useAreAbortsKnown(fn.name);
  return (
    <>
      <div className="mb-4 flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <AddressLine fn={fn} />
        <RangePicker isLive={isLive} onLive={setIsFollowing} />
      </div>
      {isTopKnown && <CanaryAborts functionName={fn.name} />}
      <QueryView query={metrics} lines={10} isHeld={!isTopKnown}>
        {(data) => (
          <div className="grid gap-4 md:grid-cols-2">
            <div className="grid grid-cols-1 gap-3 min-[360px]:grid-cols-2 sm:gap-4 md:col-span-2 xl:grid-cols-4">
              <MetricTiles metrics={data} range={range} isLive={isLive} functionName={fn.name} />
              <Tile
                label="Peak memory"
                value={formatBytes(data.total?.peakMemoryBytes)}
                note={`${formatMs(data.total?.cpuMs)} CPU · ${counted(data.total?.coldStarts ?? 0, 'cold start')}`}
              />
            </div>
            {data.total === null && <NoCallsYet fn={fn} />}
            <Charts metrics={data} fn={fn} isLive={isLive} />
            <LiveCards fn={fn} />
            <CallCard fn={fn} />
            <ColdStartsCard total={data.total} />
            <ScalingCard functionName={fn.name} version={fn.liveVersion ?? fn.latestVersion} />
            <TogetherCard total={data.total} />
            <WayOut fn={fn} total={data.total} />
          </div>
        )}
      </QueryView>
    </>
  );
}
