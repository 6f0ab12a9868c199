import type { FunctionId } from '../../../shared/ids.ts';

/** The step in which measurements are stored first; roll-ups are made of it. */
export const slotMs = 10_000;

/**
 * Series that are no function's. `allFunctions` is kept beside the others, so that a chart of the whole platform costs the
 * same with 1 function and with 1,000; every stored step in which a function did something has one. `otherFunctions` takes
 * what exceeds the bound of live series, and throttles of functions that are not known. `hostSeries` has the gauges, and is in
 * no sum. None can be an id of ours: those start with `fn_`.
 */
export const allFunctions = '*' as FunctionId;
export const otherFunctions = '~other' as FunctionId;
export const hostSeries = '~host' as FunctionId;

/** Every stored step has at least one of these. */
export const stepSeries: readonly FunctionId[] = [allFunctions, hostSeries];

export function startOfStep(at: number, stepMs: number): number {
  return Math.floor(at / stepMs) * stepMs;
}
