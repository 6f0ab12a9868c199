import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { FunctionDocument } from '../../shared/api/functions.ts';
import type { Metrics } from '../../shared/api/metrics.ts';
import { useApi, useLive } from '../api/context.tsx';
import type { LiveSnapshot } from '../api/live-ticks.ts';
import { queries } from '../api/queries.ts';
import { CanaryAborts, useAreAbortsKnown } from '../components/canary-aborts.tsx';
import { useChecklist } from '../components/checklist.tsx';
import { FirstRun } from '../components/first-run.tsx';
import { HostCharts } from '../components/host-charts.tsx';
import { MetricCharts } from '../components/metric-charts.tsx';
import { MetricTiles } from '../components/metric-tiles.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { QueryView } from '../components/query-view.tsx';
import { RangePicker } from '../components/range-picker.tsx';
import { RecentDeployments } from '../components/recent-deployments.tsx';
import { Tile } from '../components/tile.tsx';
import { useAllFunctions } from '../components/use-all-functions.ts';
import { useChartSeries, useDeploymentMarkers } from '../components/use-chart-series.ts';
import { paths } from '../path-builder.ts';
import { Announced } from '../ui/announced.tsx';
import { Dot } from '../ui/badge.tsx';
import { Card } from '../ui/card.tsx';
import { isUntouched } from '../util/checklist.ts';
import { formatBytes, formatCount, formatMs, formatPercent } from '../util/format.ts';
import { useTimeRange } from '../util/hooks.ts';
import { healthOf } from '../util/series.ts';

function HealthSentence({ functions }: { readonly functions: readonly FunctionDocument[] }) {
  const health = healthOf(functions);
  const tone = health.level === 'good' ? 'ok' : health.level === 'bad' ? 'danger' : 'neutral';
  return (
    <span className="inline-flex items-center gap-2">
      <Dot tone={tone} />
      {health.sentence}
      <Announced text={health.verdict} />
    </span>
  );
}

function HostTile({ live }: { readonly live: LiveSnapshot }) {
  const gauges = live.ticks.at(-1)?.gauges;
  if (gauges === undefined) return <Tile label="Running instances" value="–" note="Waiting for the live stream" />;
  const { instances, host } = gauges;
  const running = instances.starting + instances.idle + instances.busy + instances.draining;
  const memory = host.memoryUsedBytes / Math.max(1, host.memoryTotalBytes);
  return (
    <Tile
      label="Running instances"
      value={formatCount(running)}
      color="--series-4"
      spark={live.ticks.slice(-120).map((tick) => tick.gauges.instances.busy + tick.gauges.instances.idle)}
      note={
        <span title={`${formatBytes(host.memoryUsedBytes)} of ${formatBytes(host.memoryTotalBytes)}`}>
          {instances.busy} busy · CPU {formatPercent(host.cpuPercent / 100)} · memory {formatPercent(memory)}
        </span>
      }
    />
  );
}

function Ranking({
  title,
  rows,
  value,
  empty,
}: {
  readonly title: string;
  readonly rows: readonly FunctionDocument[];
  readonly value: (fn: FunctionDocument) => string;
  readonly empty: string;
}) {
  return (
    <Card title={title} note="last hour">
      {rows.length === 0 && <p className="text-sm text-muted">{empty}</p>}
      <ol className="flex flex-col">
        {rows.map((fn) => (
          <li
            key={fn.id}
            className="flex min-h-8 items-center justify-between gap-3 border-b border-line last:border-0"
          >
            <Link to={paths.function(fn.name)} className="min-w-0 truncate text-text hover:underline">
              {fn.name}
            </Link>
            <span className="tabular text-sm whitespace-nowrap text-muted">{value(fn)}</span>
          </li>
        ))}
      </ol>
    </Card>
  );
}

function Rankings({ functions }: { readonly functions: readonly FunctionDocument[] }) {
  const used = functions.filter((fn) => (fn.stats?.invocations ?? 0) > 0);
  const share = (fn: FunctionDocument) => (fn.stats?.errors ?? 0) / Math.max(1, fn.stats?.invocations ?? 0);
  const slow = used.toSorted((a, b) => (b.stats?.p95Ms ?? 0) - (a.stats?.p95Ms ?? 0)).slice(0, 5);
  const failing = used
    .filter((fn) => share(fn) > 0)
    .toSorted((a, b) => share(b) - share(a))
    .slice(0, 5);
  return (
    <>
      <Ranking
        title="Slowest functions"
        rows={slow}
        value={(fn) => `p95 ${formatMs(fn.stats?.p95Ms)}`}
        empty="No function was called."
      />
      <Ranking
        title="Failing functions"
        rows={failing}
        value={(fn) => `${formatPercent(share(fn))} of ${formatCount(fn.stats?.invocations)}`}
        empty="No function failed."
      />
    </>
  );
}

function Charts({
  metrics,
  isLive,
  live,
}: {
  readonly metrics: Metrics;
  readonly isLive: boolean;
  readonly live: LiveSnapshot;
}) {
  const [range] = useTimeRange();
  const series = useChartSeries(metrics, range, undefined, isLive);
  const markers = useDeploymentMarkers(range, undefined);
  const cores = live.ticks.at(-1)?.gauges.host.cpus;
  return (
    <>
      <MetricCharts metrics={series} syncKey="overview" markers={markers} cores={cores} />
      <HostCharts range={range} isLive={isLive} markers={markers} syncKey="overview" />
    </>
  );
}

export function OverviewPage() {
  const api = useApi();
  const [range] = useTimeRange();
  const [isFollowing, setIsFollowing] = useState(true);
  const isLive = isFollowing && range.fixed === undefined;
  const liveNow = useLive();
  const [frozen, setFrozen] = useState(liveNow);
  // A part of the past leaves what is told of now as it is.
  const live = isFollowing ? liveNow : frozen;
  const { query, functions: list } = useAllFunctions();
  const areAbortsKnown = useAreAbortsKnown();
  const checklist = useChecklist(list);
  // All that is above the charts comes with them, and moves nothing later.
  const isTopKnown = areAbortsKnown && checklist.isKnown && !query.isPending;
  const metrics = useQuery(queries.metrics(api, range, undefined, isLive));
  if (list !== undefined && isUntouched(list)) {
    return (
      <>
        <PageHeader title="Overview" note="Hearth is running and waits for code." />
        <FirstRun examples={list} />
      </>
    );
  }
  return (
    <>
      <PageHeader
        title="Overview"
        note={list === undefined ? 'Loading' : <HealthSentence functions={list} />}
        actions={
          <RangePicker
            isLive={isLive}
            onLive={(next) => {
              setFrozen(liveNow);
              setIsFollowing(next);
            }}
          />
        }
      />
      {isTopKnown && <CanaryAborts />}
      <QueryView query={metrics} lines={10} isHeld={!isTopKnown}>
        {(data) => (
          <div className="grid gap-4 md:grid-cols-2">
            {checklist.card}
            <div className="grid grid-cols-1 gap-3 min-[360px]:grid-cols-2 sm:gap-4 md:col-span-2 xl:grid-cols-4">
              <MetricTiles
                metrics={data}
                range={range}
                isLive={isLive}
                {...(range.fixed === undefined ? { live } : {})}
              />
              <HostTile live={live} />
            </div>
            <Charts metrics={data} isLive={isLive} live={live} />
            <div className="grid gap-4 md:col-span-2 lg:grid-cols-3">
              <RecentDeployments />
              {list !== undefined && <Rankings functions={list} />}
            </div>
          </div>
        )}
      </QueryView>
    </>
  );
}
