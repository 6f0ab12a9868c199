import type { Histogram } from '../../../shared/api/metrics.ts';
import type { DdSketch } from './dd-sketch.ts';

const mantissas = [1, 1.5, 2, 3, 5, 7] as const;
/** 0, 0.1, 0.15 … 7 000 000 ms: buckets a half wider than the one below, with edges that people can read. */
const edgesMs: readonly number[] = [
  0,
  ...Array.from({ length: 8 }, (_, power) =>
    mantissas.map((mantissa) => Number((mantissa * 10 ** (power - 1)).toPrecision(2))),
  ).flat(),
];
const upperEdges = edgesMs.slice(1);

/** Histograms of sketches over time, in as few buckets as all of them together use. Larger values go to the last bucket. */
export function histogramOf(
  steps: readonly (readonly [number, DdSketch | undefined])[],
): Pick<Histogram, 'edgesMs' | 'points'> {
  const counted = steps.flatMap(([at, sketch]) => {
    if (sketch === undefined) return [];
    const counts = new Array<number>(upperEdges.length).fill(0);
    sketch.addTo(counts, upperEdges);
    return [{ at, counts }];
  });
  const isUsed = upperEdges.map((_, bucket) => counted.some(({ counts }) => (counts[bucket] ?? 0) > 0));
  const first = isUsed.indexOf(true);
  if (first < 0) return { edgesMs: [], points: [] };
  const end = isUsed.lastIndexOf(true) + 1;
  return {
    edgesMs: edgesMs.slice(first, end + 1),
    points: counted.map(({ at, counts }) => ({ at: new Date(at).toISOString(), counts: counts.slice(first, end) })),
  };
}
