import type { Gauges, LiveTick } from '../../../shared/api/metrics.ts';
import { secondMs } from '../../../shared/durations.ts';
import { projectOf, shortNameOf } from '../../../shared/names.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { Measurement } from '../aggregator/measurement.ts';
import { toMetricPoint } from '../aggregator/metric-point.ts';
import { allFunctions, hostSeries, otherFunctions } from '../aggregator/steps.ts';
import type { ClosedSeries } from './live-windows.ts';

interface Shown {
  readonly total: Measurement | undefined;
  readonly functions: ReadonlyMap<string, Measurement>;
}

export interface LiveTicksOptions {
  readonly logger: Logger;
  readonly gauges: (project?: string) => Gauges;
}

/** Makes one tick a second for all listeners together; does nothing while nobody listens. */
export class LiveTicks {
  readonly #options: LiveTicksOptions;
  readonly #listeners = new Set<{
    readonly listener: (tick: LiveTick) => void;
    readonly project: string | undefined;
  }>();
  #functions = new Map<string, Measurement>();
  #total: Measurement | undefined;
  #emittedAt: number | undefined;

  constructor(options: LiveTicksOptions) {
    this.#options = options;
  }

  /** Of everything, or of one project, whose functions go by their short names then. */
  subscribe(listener: (tick: LiveTick) => void, project?: string): () => void {
    // The same function given twice gets two subscriptions.
    const own = { listener, project };
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.#reset();
    };
  }

  add(series: readonly ClosedSeries[]): void {
    if (this.#listeners.size === 0) return;
    for (const { functionId, functionName, measurement } of series) {
      if (functionId === otherFunctions || functionId === hostSeries) continue;
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
    const measured = this.#functions;
    const total = this.#total;
    this.#reset();
    this.#emittedAt = currentAt;
    /** Each is made once, however many listen. */
    const ticks = new Map<string | undefined, LiveTick>();
    const tickOf = (project: string | undefined): LiveTick => {
      const known = ticks.get(project);
      if (known !== undefined) return known;
      const shown = project === undefined ? { total, functions: measured } : partOf(measured, project);
      const tick = this.#tick(at, currentAt - at, shown, project);
      ticks.set(project, tick);
      return tick;
    };
    for (const { listener, project } of this.#listeners) {
      try {
        listener(tickOf(project));
      } catch (error) {
        this.#options.logger.error({ err: error }, 'a listener of the live metrics failed');
      }
    }
  }

  close(): void {
    this.#listeners.clear();
    this.#reset();
  }

  #tick(at: number, stepMs: number, { total, functions: measured }: Shown, project: string | undefined): LiveTick {
    const functions: LiveTick['functions'] = {};
    for (const [name, measurement] of measured) {
      // Only the memory of an instance was looked at.
      if (measurement.isQuiet) continue;
      const p95Ms = measurement.total?.quantile(0.95) ?? null;
      functions[name] = { invocations: measurement.invocations, errors: measurement.errors, p95Ms };
    }
    const gauges = this.#options.gauges(project);
    const sum = total === undefined || total.isQuiet ? null : toMetricPoint(total, at);
    return { at: new Date(at).toISOString(), stepMs, total: sum, functions, gauges };
  }

  #reset(): void {
    this.#functions = new Map();
    this.#total = undefined;
    this.#emittedAt = undefined;
  }
}

function partOf(measured: ReadonlyMap<string, Measurement>, project: string): Shown {
  const functions = new Map<string, Measurement>();
  let total: Measurement | undefined;
  for (const [fullName, measurement] of measured) {
    if (projectOf(fullName) !== project) continue;
    functions.set(shortNameOf(fullName), measurement);
    total ??= new Measurement();
    total.merge(measurement);
  }
  return { total, functions };
}
