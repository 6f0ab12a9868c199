import {
  type AlertChannel,
  type AlertMetric,
  type AlertRuleDocument,
  momentaryMetrics,
} from '../../shared/api/alerts.ts';
import type { Tone } from '../ui/badge.tsx';
import { formatBytes, formatCount, formatMs, formatPercent, formatSpan } from './format.ts';

type Unit = 'share' | 'ms' | 'percent' | 'MiB' | 'count' | 'money';

interface MetricText {
  readonly label: string;
  readonly unit: Unit;
  /** About the platform, not about functions. */
  readonly isPlatform: boolean;
}
const ofFunctions = (label: string, unit: Unit): MetricText => ({ label, unit, isPlatform: false });
const ofPlatform = (label: string, unit: Unit): MetricText => ({ label, unit, isPlatform: true });

export const metricTexts: Readonly<Record<AlertMetric, MetricText>> = {
  errorRate: ofFunctions('Error rate', 'share'),
  errors: ofFunctions('Errors', 'count'),
  requests: ofFunctions('Requests', 'count'),
  throttles: ofFunctions('Refused calls', 'count'),
  canaryAborts: ofFunctions('Canaries taken back', 'count'),
  coldStartRate: ofFunctions('Share of cold starts', 'share'),
  p50Ms: ofFunctions('Latency, median', 'ms'),
  p95Ms: ofFunctions('Latency, p95', 'ms'),
  p99Ms: ofFunctions('Latency, p99', 'ms'),
  asyncQueued: ofFunctions('Asynchronous calls that wait', 'count'),
  asyncOldestMs: ofFunctions('Longest wait of an asynchronous call', 'ms'),
  deadLetters: ofFunctions('Dead letters', 'count'),
  memoryRate: ofFunctions('Memory, of its limit', 'share'),
  cost: ofFunctions('Price elsewhere', 'money'),
  queueDepth: ofPlatform('Queued invocations', 'count'),
  hostCpuPercent: ofPlatform('CPU of the host', 'percent'),
  hostMemoryPercent: ofPlatform('Memory of the host', 'percent'),
  diskFreeBytes: ofPlatform('Free disk', 'MiB'),
  loopLagMs: ofPlatform('Event loop lag of the platform', 'ms'),
};

/** What people type into the form, in the unit that it names, and what the API has. */
export const unitNames: Readonly<Record<Unit, string>> = {
  ...{ share: '%', ms: 'ms', percent: '%', MiB: 'MiB', count: '' },
  money: 'in the currency of the prices',
};
const factors: Readonly<Record<Unit, number>> = { share: 0.01, ms: 1, percent: 1, MiB: 1_048_576, count: 1, money: 1 };

export function thresholdOf(metric: AlertMetric, typed: number): number {
  return typed * factors[metricTexts[metric].unit];
}
export function typedOf(metric: AlertMetric, threshold: number): number {
  return Math.round((threshold / factors[metricTexts[metric].unit]) * 1e6) / 1e6;
}

export function formatAlertValue(metric: AlertMetric, value: number | null): string {
  if (value === null) return '–';
  switch (metricTexts[metric].unit) {
    case 'share':
      return formatPercent(value);
    case 'percent':
      return formatPercent(value / 100);
    case 'ms':
      return formatMs(value);
    case 'MiB':
      return formatBytes(value);
    case 'count':
      return formatCount(value);
    case 'money':
      return String(Number(value.toPrecision(3)));
  }
}

/** "Error rate of orders above 5 % over 5 min, for 1 min". */
export function conditionText(rule: AlertRuleDocument): string {
  const { label, isPlatform } = metricTexts[rule.metric];
  const all = rule.project === null ? ' of all functions' : ` of all functions in ${rule.project}`;
  const one = rule.project === null ? rule.functionName : `${rule.functionName} in ${rule.project}`;
  const of = rule.functionName === null ? (isPlatform ? '' : all) : ` of ${one}`;
  const held = rule.forMs === 0 ? '' : `, for ${formatSpan(rule.forMs)}`;
  const over = momentaryMetrics.includes(rule.metric) ? '' : ` over ${formatSpan(rule.windowMs)}`;
  return `${label}${of} ${rule.comparison} ${formatAlertValue(rule.metric, rule.threshold)}${over}${held}`;
}

export function stateOf(rule: AlertRuleDocument, now: number): { readonly label: string; readonly tone: Tone } {
  if (!rule.isEnabled) return { label: 'off', tone: 'neutral' };
  const isSilenced = rule.silencedUntil !== null && Date.parse(rule.silencedUntil) > now;
  const tones: Readonly<Record<AlertRuleDocument['state'], Tone>> = { ok: 'ok', pending: 'warn', firing: 'danger' };
  return { label: isSilenced ? `${rule.state}, silenced` : rule.state, tone: tones[rule.state] };
}

export function channelText(channel: AlertChannel): string {
  return channel.kind === 'webhook' ? channel.url : channel.to;
}

/** A line of the form: an address with an @ is e-mail, anything else a webhook. */
export function parseChannels(text: string): AlertChannel[] {
  return text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => (/^https?:\/\//.test(line) ? { kind: 'webhook', url: line } : { kind: 'email', to: line }));
}
