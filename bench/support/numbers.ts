export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** Nearest-rank percentile; `p` from 0 to 100. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil((p / 100) * sorted.length) - 1))] ?? Number.NaN;
}

/** Median, and in brackets the least and the greatest, of what several rounds measured. */
export function withSpread(values: readonly number[], digits = 2, unit = ''): string {
  const [least, middle, most] = [Math.min(...values), median(values), Math.max(...values)].map((value) =>
    value.toFixed(digits),
  );
  return `${middle}${unit} (${least} to ${most})`;
}

/** Slope of the line of least squares through `points`, in units of y per unit of x; NaN with fewer than two different x. */
export function slope(points: readonly { readonly x: number; readonly y: number }[]): number {
  const meanX = points.reduce((sum, point) => sum + point.x, 0) / points.length;
  const meanY = points.reduce((sum, point) => sum + point.y, 0) / points.length;
  const covariance = points.reduce((sum, point) => sum + (point.x - meanX) * (point.y - meanY), 0);
  return covariance / points.reduce((sum, point) => sum + (point.x - meanX) ** 2, 0);
}

/** One line of the table of results. */
export interface Row {
  readonly what: string;
  readonly value: string;
  readonly goal: string;
  readonly isMet: boolean | undefined;
  /** What the rounds measured one by one, for comparisons between runs. */
  readonly rounds?: readonly number[];
}

export const row = (
  what: string,
  value: string,
  goal = '',
  isMet: boolean | undefined = undefined,
  rounds?: readonly number[],
): Row => (rounds === undefined ? { what, value, goal, isMet } : { what, value, goal, isMet, rounds });
