import { constants } from 'node:os';
import type { ExitReport } from '../../../core/ports/sandbox.ts';

/** Some numbers have two names; the first is the usual one (SIGABRT, not SIGIOT). */
const signalNames = new Map<number, string>(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name] as const),
);
/** V8 ends by abort() when its heap is full, Python by an exception; the message is on stderr. */
const heapMessages = /JavaScript heap out of memory|Zone Allocation failed|^MemoryError\b/;

/** How a process ended; shells and launchers show a signal as 128 + its number. */
export function decodeStatus(status: number): { readonly code: number | null; readonly signal: string | null } {
  const signal = status > 128 ? signalNames.get(status - 128) : undefined;
  return signal === undefined ? { code: status, signal: null } : { code: null, signal };
}

/**
 * Whether a process that said that its heap was full ended for that. Not where it was removed meanwhile, for `reason`, unless by SIGABRT: V8 ends so, and nobody who
 * removes a sandbox sends it.
 */
export function endedForHeap(ending: Pick<ExitReport, 'code' | 'signal'>, reason: string | undefined): boolean {
  return ending.signal === 'SIGABRT' || (reason === undefined && ending.code !== 0);
}

/** Whether a line of stderr says that the runtime's own heap limit ended the process. */
export function tellsHeapExhausted(text: string): boolean {
  return heapMessages.test(text);
}
