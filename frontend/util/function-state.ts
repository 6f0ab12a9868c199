import type { FunctionDocument } from '../../shared/api/functions.ts';
import { MiB } from '../../shared/limits.ts';
import type { Tone } from '../ui/badge.tsx';

export const functionStates = ['Healthy', 'Failing', 'Idle', 'Nothing live', 'Disabled'] as const;
export type FunctionState = (typeof functionStates)[number];

/** The state of a function in a word, from its last hour. */
export function stateOf(fn: FunctionDocument): { readonly tone: Tone; readonly label: FunctionState } {
  if (!fn.enabled) return { tone: 'neutral', label: 'Disabled' };
  if (fn.liveVersion === null) return { tone: 'warn', label: 'Nothing live' };
  const invocations = fn.stats?.invocations ?? 0;
  const errors = fn.stats?.errors ?? 0;
  if (invocations === 0) return { tone: 'neutral', label: 'Idle' };
  if (errors >= 2 && errors / invocations >= 0.02) return { tone: 'danger', label: 'Failing' };
  return { tone: 'ok', label: 'Healthy' };
}

/** The most memory that an instance took in the last hour, as a share of its limit. */
export function memoryShare(fn: FunctionDocument): number {
  return (fn.stats?.peakMemoryBytes ?? 0) / (fn.memoryMb * MiB);
}

const sortKeys = ['name', 'requests', 'errors', 'p95', 'cold', 'memory', 'deployed'] as const;
export type FunctionSortKey = (typeof sortKeys)[number];

export interface FunctionSort {
  readonly column: FunctionSortKey;
  readonly isDescending: boolean;
}

/** Of the address: `errors`, or `-errors` with the largest first; by name where it says nothing that is known. */
export function functionSortOf(text: string): FunctionSort {
  const name = text.replace(/^-/, '');
  const column = sortKeys.find((key) => key === name);
  return column === undefined ? { column: 'name', isDescending: false } : { column, isDescending: text !== name };
}

/** What the address says of a sort; empty for the one that is there anyway. */
export function functionSortText(sort: { readonly column: string; readonly isDescending: boolean }): string {
  const text = `${sort.isDescending ? '-' : ''}${sort.column}`;
  return text === 'name' ? '' : text;
}

const ratio = (part: number | undefined, whole: number | undefined) => (part ?? 0) / Math.max(1, whole ?? 0);
const sortValues: Readonly<Record<Exclude<FunctionSortKey, 'name'>, (fn: FunctionDocument) => number>> = {
  requests: (fn) => fn.stats?.invocations ?? 0,
  errors: (fn) => ratio(fn.stats?.errors, fn.stats?.invocations),
  p95: (fn) => fn.stats?.p95Ms ?? -1,
  cold: (fn) => ratio(fn.stats?.coldStarts, fn.stats?.invocations),
  memory: memoryShare,
  deployed: (fn) => Date.parse(fn.lastDeployment.at),
};

/** Sorted by a column; functions that are equal in it stay in the order of their names. */
export function sortFunctions(
  functions: readonly FunctionDocument[],
  key: FunctionSortKey,
  isDescending: boolean,
): readonly FunctionDocument[] {
  const sign = isDescending ? -1 : 1;
  const byName = (a: FunctionDocument, b: FunctionDocument) => a.name.localeCompare(b.name, 'en');
  if (key === 'name') return functions.toSorted((a, b) => sign * byName(a, b));
  const value = sortValues[key];
  return functions.toSorted((a, b) => sign * (value(a) - value(b)) || byName(a, b));
}
