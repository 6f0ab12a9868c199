import type { LogHistogram, LogStep } from '../../../shared/api/log-histogram.ts';
import type { LogCounts, StoredLogLine } from '../../core/ports/log-store.ts';

/** What is stored and what is not stored yet, as the API shows it. `end` is the id of the newest line that there was. */
export function histogramOf(stored: LogCounts, unwritten: readonly StoredLogLine[], end: string): LogHistogram {
  const { from, to, stepMs, counts, countedFrom } = stored;
  const steps = new Map<number, LogStep>();
  const stepAt = (at: number): LogStep => {
    const known = steps.get(at);
    if (known !== undefined) return known;
    const step = { at: new Date(at).toISOString(), debug: 0, info: 0, warn: 0, error: 0 };
    steps.set(at, step);
    return step;
  };
  for (const { at, level, count } of counts) stepAt(at)[level] += count;
  for (const { at, level } of unwritten) stepAt(Math.floor(at / stepMs) * stepMs)[level]++;
  return {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    stepMs,
    steps: [...steps].toSorted(([a], [b]) => a - b).map(([, step]) => step),
    complete: countedFrom === undefined,
    countedFrom: countedFrom === undefined ? null : new Date(countedFrom).toISOString(),
    end,
  };
}
