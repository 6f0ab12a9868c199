import { type AlertMetric, platformMetrics } from '../../shared/api/alerts.ts';
import type { Gauges, MetricPoint } from '../../shared/api/metrics.ts';
import type { AlertRuleId, FunctionId } from '../../shared/ids.ts';
import { lookAtAlert } from '../core/policies/alert-state.ts';
import type { AlertRuleRecord } from '../core/ports/alert-store.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { MetricsReader } from '../core/ports/metrics-reader.ts';
import type { Store } from '../core/ports/store.ts';
import { type AlertLookNote, deliveriesOf } from './alerts.ts';
import { Repetition } from './repetition.ts';

export interface AlertEvaluatorOptions {
  readonly store: Store;
  readonly metrics: Pick<MetricsReader, 'series' | 'gauges'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly functionIdOf: (name: string) => FunctionId | undefined;
  readonly intervalMs: number;
  readonly onQueued: () => void;
  /** The state of a rule has changed. */
  readonly onChanged: (rule: AlertRuleRecord) => void;
}

/** Of events that are counted one by one; a rule has no use for more. */
const maxCounted = 1000;

/** Looks at every rule, again and again. State and messages are stored together, so a message is sent at least once whatever ends the process. */
export class AlertEvaluator {
  readonly #options: AlertEvaluatorOptions;
  readonly #looks: Repetition;
  readonly #latest = new Map<AlertRuleId, AlertLookNote>();

  constructor(options: AlertEvaluatorOptions) {
    this.#options = options;
    const { clock, intervalMs } = options;
    this.#looks = new Repetition({ clock, intervalMs, work: () => this.#lookAtAll() });
  }

  latest(id: AlertRuleId): AlertLookNote | undefined {
    return this.#latest.get(id);
  }

  start(): void {
    this.#looks.start();
  }

  async close(): Promise<void> {
    await this.#looks.close();
  }

  /** One look at all rules; never rejects. */
  async #lookAtAll(): Promise<void> {
    const { store, logger } = this.#options;
    try {
      const rules = await store.alerts.rules();
      for (const rule of rules) if (rule.isEnabled) await this.#lookAt(rule);
      const ids = new Set(rules.filter((rule) => rule.isEnabled).map((rule) => rule.id));
      for (const id of this.#latest.keys()) if (!ids.has(id)) this.#latest.delete(id);
    } catch (error) {
      logger.warn({ err: error }, 'alert rules could not be looked at; it is tried again');
    }
  }

  async #lookAt(rule: AlertRuleRecord): Promise<void> {
    const { store, clock, onQueued, onChanged } = this.#options;
    const value = await this.#read(rule);
    const now = clock.now();
    const isSilenced = rule.silencedUntil !== undefined && rule.silencedUntil > now;
    const { comparison, threshold, forMs } = rule;
    const { memory, event } = lookAtAlert(rule.memory, { value, comparison, threshold, forMs, isSilenced, now });
    this.#latest.set(rule.id, { value, at: now });
    const { state, toldFiring } = rule.memory;
    // Most looks change nothing, and then nothing is written.
    if (memory.state === state && memory.toldFiring === toldFiring) return;
    await store.transaction(async (tx) => {
      await tx.alerts.noteMemory(rule.id, memory);
      if (event === undefined) return;
      for (const delivery of deliveriesOf({ ...rule, memory }, event, value, now))
        await tx.alerts.addDelivery(delivery);
    });
    onChanged({ ...rule, memory });
    if (event !== undefined) onQueued();
  }

  async #read({ metric, functionName, windowMs }: AlertRuleRecord): Promise<number | undefined> {
    const { store, metrics, clock, functionIdOf } = this.#options;
    if ((platformMetrics as readonly AlertMetric[]).includes(metric)) return platformValue(metric, metrics.gauges());
    const functionId = functionName === null ? undefined : functionIdOf(functionName);
    // The function was deleted: nothing can be wrong with it.
    if (functionName !== null && functionId === undefined) return undefined;
    const to = clock.now();
    if (metric === 'canaryAborts') {
      // The look itself is included: what was written in this millisecond would else be seen by the next one only.
      const range = { functionId, from: to - windowMs, to: to + 1, limit: maxCounted };
      return (await store.canaryAborts.list(range)).length;
    }
    const { total } = await metrics.series({
      functionId,
      version: undefined,
      from: to - windowMs,
      to,
      stepMs: undefined,
    });
    return total === null ? undefined : functionValue(metric, total);
  }
}

function platformValue(metric: AlertMetric, { queued, asyncDepth, host }: Gauges): number | undefined {
  switch (metric) {
    case 'queueDepth':
      return queued + (asyncDepth ?? 0);
    case 'hostCpuPercent':
      return host.cpuPercent;
    case 'hostMemoryPercent':
      return host.memoryTotalBytes === 0 ? undefined : (host.memoryUsedBytes / host.memoryTotalBytes) * 100;
    case 'diskFreeBytes':
      return host.diskFreeBytes;
    case 'loopLagMs':
      return host.loopLagMs;
    default:
      return undefined;
  }
}

function functionValue(metric: AlertMetric, total: MetricPoint): number | undefined {
  const share = (part: number): number | undefined => (total.invocations === 0 ? undefined : part / total.invocations);
  switch (metric) {
    case 'errorRate':
      return share(total.errors);
    case 'errors':
      return total.errors;
    case 'requests':
      return total.invocations;
    case 'throttles':
      return total.throttles;
    case 'coldStartRate':
      return share(total.coldStarts);
    case 'p50Ms':
      return total.totalMs?.p50;
    case 'p95Ms':
      return total.totalMs?.p95;
    case 'p99Ms':
      return total.totalMs?.p99;
    default:
      return undefined;
  }
}
