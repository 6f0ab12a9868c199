import { percentile } from './numbers.ts';

/**
 * Welch's t between two samples, of the values up to the 90th percentile of both: what interrupts and collections of garbage add above has
 * nothing to do with what is compared. Leakage tests (ISO/IEC 17825) take |t| of 4.5 and more for a difference.
 */
export function welchT(first: readonly number[], second: readonly number[]): number {
  const bound = percentile([...first, ...second], 90);
  const [a, b] = [momentsOf(first, bound), momentsOf(second, bound)];
  return (a.mean - b.mean) / Math.sqrt(a.variance / a.count + b.variance / b.count);
}

function momentsOf(values: readonly number[], bound: number): { count: number; mean: number; variance: number } {
  const kept = values.filter((value) => value <= bound);
  const mean = kept.reduce((sum, value) => sum + value, 0) / kept.length;
  const variance = kept.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (kept.length - 1);
  return { count: kept.length, mean, variance };
}
