import type { ErrorKind } from '../../shared/errors.ts';
import type { MetricEvent } from './ports/metrics-sink.ts';

/** The fact that a call of a function was refused before it ran, with an error of this kind. Limits of admission, which knows which, count by themselves. */
export function refusalOf(functionName: string, kind: ErrorKind, at: number): MetricEvent {
  return kind === 'throttled'
    ? { kind: 'throttle', at, functionName, limit: 'rate' }
    : { kind: 'refusal', at, functionName, reason: kind };
}
