import { useQuery } from '@tanstack/react-query';
import type { Metrics } from '../../shared/api/metrics.ts';
import { useApi } from '../api/context.tsx';
import type { LiveSnapshot } from '../api/live-ticks.ts';
import { queries } from '../api/queries.ts';
import { changeOf, formatCount, formatMs, formatPercent, formatRate } from '../util/format.ts';
import { errorShare, gridOf, liveRate } from '../util/series.ts';
import type { TimeRange } from '../util/time-range.ts';
import { Tile } from './tile.tsx';

export interface MetricTilesProps {
  readonly metrics: Metrics;
  readonly range: TimeRange;
  readonly isLive: boolean;
  /** Undefined where the rate of the whole range is shown, for example for one function. */
  readonly live?: LiveSnapshot;
  readonly functionName?: string;
}

/** Requests, errors and latency over the range, against the period before it. */
export function MetricTiles({ metrics, range, isLive, live, functionName }: MetricTilesProps) {
  const previous = useQuery(queries.previousTotal(useApi(), range, functionName, isLive)).data ?? null;
  const { points } = gridOf(metrics);
  const { total } = metrics;
  const count = total?.invocations ?? 0;
  const refused = (total?.throttles ?? 0) + (total?.refusals ?? 0);
  const now = live === undefined ? null : liveRate(live.ticks, 10);
  return (
    <>
      <Tile
        label={now === null ? 'Requests/s' : 'Requests/s, now'}
        value={formatRate(now ?? count / (range.spanMs / 1000))}
        change={changeOf(count, previous?.invocations)}
        spark={points.map((point) => point?.invocations ?? 0)}
        note={`${formatCount(count)} in ${range.label}`}
      />
      <Tile
        label="Error rate"
        value={formatPercent(errorShare(total))}
        change={changeOf(errorShare(total), errorShare(previous))}
        better="down"
        color="--series-3"
        spark={points.map((point) => errorShare(point) ?? (point === undefined ? null : 0))}
        note={`${formatCount(total?.errors ?? 0)} failed${refused > 0 ? `, ${formatCount(refused)} refused` : ''}`}
      />
      <Tile
        label="Latency p95"
        value={formatMs(total?.totalMs?.p95)}
        change={changeOf(total?.totalMs?.p95, previous?.totalMs?.p95)}
        better="down"
        color="--series-2"
        spark={points.map((point) => point?.totalMs?.p95 ?? null)}
        note={`p50 ${formatMs(total?.totalMs?.p50)} · p99 ${formatMs(total?.totalMs?.p99)}`}
      />
    </>
  );
}
