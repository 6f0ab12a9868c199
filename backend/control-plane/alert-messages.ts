import type { AlertMetric } from '../../shared/api/alerts.ts';
import type { AlertDeliveryRecord, AlertRuleRecord } from '../core/ports/alert-store.ts';

const names: Readonly<Record<AlertMetric, string>> = {
  errorRate: 'error rate',
  errors: 'errors',
  requests: 'requests',
  throttles: 'refused calls',
  canaryAborts: 'canaries taken back',
  coldStartRate: 'share of cold starts',
  p50Ms: 'median latency',
  p95Ms: 'p95 latency',
  p99Ms: 'p99 latency',
  queueDepth: 'queued invocations',
  hostCpuPercent: 'CPU of the host',
  hostMemoryPercent: 'memory of the host',
  diskFreeBytes: 'free disk',
  asyncQueued: 'asynchronous calls that wait',
  asyncOldestMs: 'age of the oldest asynchronous call that waits',
  deadLetters: 'dead letters',
  memoryRate: 'memory, of its limit,',
  cost: 'price elsewhere',
  loopLagMs: "lag of the platform's event loop",
};

/** A number with its unit, for people. */
function shown(metric: AlertMetric, value: number): string {
  if (metric.endsWith('Rate')) return `${round(value * 100)} %`;
  if (metric.endsWith('Ms')) return `${round(value)} ms`;
  if (metric.endsWith('Percent')) return `${round(value)} %`;
  if (metric.endsWith('Bytes')) return `${round(value / 1_048_576)} MiB`;
  return String(round(value));
}

const round = (value: number): number => Math.round(value * 100) / 100;

/** The JSON that a webhook gets, and from which the text of an e-mail is made. The envelope is that of Standard Webhooks: type, timestamp, data. */
export function messageBody(
  rule: AlertRuleRecord,
  event: AlertDeliveryRecord['event'],
  value: number | undefined,
  now: number,
): string {
  const { id, name, project, metric, functionName, comparison, threshold, windowMs, memory } = rule;
  const about = functionName ?? (project === null ? undefined : `project ${project}`);
  const subject = about === undefined ? names[metric] : `${names[metric]} of ${about}`;
  const seen = value === undefined ? 'nothing happened' : shown(metric, value);
  const limit = `${comparison} ${shown(metric, threshold)}`;
  const text = {
    firing: `${name}: ${subject} is ${seen}, ${limit}`,
    resolved: `${name}: ${subject} is well again (${seen}; the limit is ${limit})`,
    test: `${name}: this is a test; ${subject} is ${seen}, the limit is ${limit}`,
  }[event];
  return JSON.stringify({
    type: `alert.${event}`,
    timestamp: new Date(now).toISOString(),
    data: {
      rule: { id, name, project, metric, functionName, comparison, threshold, windowMs },
      value: value ?? null,
      since: memory.since === 0 ? null : new Date(memory.since).toISOString(),
      text,
    },
  });
}

/** The text in a body of `messageBody`. */
export function textOf(body: string): string {
  return (JSON.parse(body) as { data: { text: string } }).data.text;
}
