import type { Gauges, LiveTick } from '../../../shared/api/metrics.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { Measurement } from '../aggregator/measurement.ts';
import { toMetricPoint } from '../aggregator/metric-point.ts';
import { allFunctions, otherFunctions, secondMs } from '../aggregator/steps.ts';
import type { ClosedSeries } from './live-windows.ts';

export interface LiveTicksOptions {
  readonly logger: Logger;
  readonly gauges: () => Gauges;
}

/** Makes one tick a second for all listeners together; does nothing while nobody listens. */
export class LiveTicks {
  readonly #options: LiveTicksOptions;
  readonly #listeners = new Set<(tick: LiveTick) => void>();
  #functions = new Map<string, Measurement>();
  #total: Measurement | undefined;
  #emittedAt: number | undefined;

  constructor(options: LiveTicksOptions) {
    this.#options = options;
  }

  subscribe(listener: (tick: LiveTick) => void): () => void {
    // The same function given twice gets two subscriptions.
    const own = (tick: LiveTick) => listener(tick);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.#reset();
    };
  }

  add(series: readonly ClosedSeries[]): void {
    if (this.#listeners.size === 0) return;
    for (const { functionId, functionName, measurement } of series) {
      if (functionId === otherFunctions) continue;
      if (functionId === allFunctions) {
        this.#total ??= new Measurement();
        this.#total.merge(measurement);
        continue;
      }
      const known = this.#functions.get(functionName);
      if (known !== undefined) known.merge(measurement);
      else {
        const copy = new Measurement();
        copy.merge(measurement);
        this.#functions.set(functionName, copy);
      }
    }
  }

  /** Sends what was added since the last time; `currentAt` is the start of the second that is going on. */
  emit(currentAt: number): void {
    if (this.#listeners.size === 0 || this.#emittedAt === currentAt) return;
    const since = this.#emittedAt ?? currentAt - secondMs;
    const at = since < currentAt ? since : currentAt - secondMs;
    const functions: LiveTick['functions'] = {};
    for (const [name, measurement] of this.#functions) {
      const p95Ms = measurement.total?.quantile(0.95) ?? null;
      functions[name] = { invocations: measurement.invocations, errors: measurement.errors, p95Ms };
    }
    const total = this.#total === undefined ? null : toMetricPoint(this.#total, at);
    this.#reset();
    this.#emittedAt = currentAt;
    const stepMs = currentAt - at;
    const tick: LiveTick = { at: new Date(at).toISOString(), stepMs, total, functions, gauges: this.#options.gauges() };
    for (const listener of this.#listeners) {
      try {
        listener(tick);
      } catch (error) {
        this.#options.logger.error({ err: error }, 'a listener of the live metrics failed');
      }
    }
  }

  close(): void {
    this.#listeners.clear();
    this.#reset();
  }

  #reset(): void {
    this.#functions = new Map();
    this.#total = undefined;
    this.#emittedAt = undefined;
  }
}
