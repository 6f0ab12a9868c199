import type { Histogram } from '../../shared/api/metrics.ts';
import { formatMs } from './format.ts';
import type { Column } from './series.ts';

/** A heat map as charts draw it: a row per bucket, from the fastest up. */
export interface HeatRows {
  /** Seconds since 1970. */
  readonly x: readonly number[];
  readonly rows: readonly { readonly label: string; readonly values: Column }[];
  /** One more than there are rows. */
  readonly edges: readonly string[];
}

/** The steps of a histogram on a regular grid; null where nothing was called. */
export function heatRows(histogram: Histogram): HeatRows {
  const { stepMs, edgesMs } = histogram;
  const index = (at: string) => Math.floor(Date.parse(at) / stepMs);
  const byStep = new Map(histogram.points.map(({ at, counts }) => [index(at), counts]));
  const first = index(histogram.from);
  const count = Math.max(0, Math.ceil(Date.parse(histogram.to) / stepMs) - first);
  const steps = Array.from({ length: count }, (_, offset) => first + offset);
  return {
    x: steps.map((step) => (step * stepMs) / 1000),
    rows: edgesMs.slice(1).map((edge, row) => ({
      label: `${formatMs(edgesMs[row])} – ${formatMs(edge)}`,
      values: steps.map((step) => byStep.get(step)?.[row] ?? null),
    })),
    edges: edgesMs.map((edge) => formatMs(edge)),
  };
}

/** How dark a cell is, 0 to 1: few calls are seen beside many. Undefined: nothing is drawn. */
export function heatShare(value: number | null | undefined, most: number): number | undefined {
  if (value === null || value === undefined || value <= 0) return undefined;
  return most <= 1 ? 1 : Math.log1p(value) / Math.log1p(most);
}

/** Colour, as CSS, of a cell of a heat map that holds this share (0 to 1) of what the fullest one does. */
export const heatColor = (share: number): string =>
  `color-mix(in oklab, var(--series-1) ${Math.round(15 + 85 * share)}%, var(--surface))`;
