import type { FunctionStats } from '../../../shared/api/functions.ts';
import type { GaugeSeries, Gauges, Histogram, HistogramField, LiveTick, Metrics } from '../../../shared/api/metrics.ts';
import type { FunctionId } from '../../../shared/ids.ts';
import type { VersionTotals } from '../policies/cost.ts';

export interface SeriesQuery {
  /** Of these functions together; all that the platform ever had when left out. */
  readonly functionIds?: readonly FunctionId[] | undefined;
  readonly functionId: FunctionId | undefined;
  readonly version: number | undefined;
  /** Clock.now ms; half-open [from, to). */
  readonly from: number;
  readonly to: number;
  /** Undefined: chosen so that a chart has 60 to 720 points. */
  readonly stepMs: number | undefined;
}

export interface MetricsReader {
  series(query: SeriesQuery): Promise<Metrics>;
  /** How many calls took how long, in the steps of `series`. */
  histogram(query: SeriesQuery, field: HistogramField): Promise<Histogram>;
  /** What `gauges` were, in the resolutions of `series`, also before this process. */
  gaugeSeries(query: Pick<SeriesQuery, 'from' | 'to' | 'stepMs'>): Promise<GaugeSeries>;
  /** Of the last `windowMs`, for lists of functions, from memory and the store in one go. */
  functionStats(ids: readonly FunctionId[], windowMs: number): Promise<ReadonlyMap<FunctionId, FunctionStats>>;
  /** What the versions of these functions used in [from, to), each function that was called; the ends are rounded out to steps that are kept. */
  totals(
    ids: readonly FunctionId[],
    from: number,
    to: number,
  ): Promise<ReadonlyMap<FunctionId, readonly VersionTotals[]>>;
  /** Of a project: without what only the whole can be asked for (host, calls that wait). */
  gauges(project?: string): Gauges;
  /** One tick a second while at least one listener is there; returns the unsubscriber. */
  subscribe(listener: (tick: LiveTick) => void, project?: string): () => void;
}
