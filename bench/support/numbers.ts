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

/** One line of the table of results. */
export interface Row {
  readonly what: string;
  readonly value: string;
  readonly goal: string;
  readonly isMet: boolean | undefined;
}

export const row = (what: string, value: string, goal = '', isMet: boolean | undefined = undefined): Row => ({
  what,
  value,
  goal,
  isMet,
});
