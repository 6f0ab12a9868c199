import type { StartKind, Timing } from '../../shared/invocation.ts';
import type { IsolationLevel } from '../../shared/version-config.ts';
import type { LevelCost, LevelCosts, SeenTimes } from '../core/ports/level-costs.ts';
import type { MetricEvent } from '../core/ports/metrics-sink.ts';
import { DdSketch } from './aggregator/dd-sketch.ts';

interface Level {
  readonly booted: DdSketch;
  readonly waiting: DdSketch;
  quickestWarmMs: number;
  warmCalls: number;
  idleMemoryBytes: number | undefined;
}

/** Starts of a waiting sandbox, whatever it had done ahead. */
const waitingStarts: ReadonlySet<StartKind> = new Set(['preloaded', 'pre-warmed', 'restored']);

/** What each isolation level costs here, from the calls that went well. Bounded: two sketches for each level. */
export class LevelCostRecorder implements LevelCosts {
  readonly #levels = new Map<IsolationLevel, Level>();

  /** Synchronous, and for warm calls two comparisons. */
  record(event: MetricEvent): void {
    if (event.kind !== 'invocation') return;
    const { start, timing, outcome, answeredBy } = event.report;
    if (outcome.kind !== 'success' || answeredBy !== undefined) return;
    const { isolation } = event.version.config;
    if (start === 'warm') this.addWarmCall(isolation, timing.totalMs - timing.queuedMs);
    else this.addStart(isolation, start, startMs(timing));
  }

  addStart(name: IsolationLevel, start: StartKind, tookMs: number): void {
    const level = this.#level(name);
    if (start === 'cold') level.booted.add(tookMs);
    else if (waitingStarts.has(start)) level.waiting.add(tookMs);
  }

  addWarmCall(name: IsolationLevel, tookMs: number): void {
    const level = this.#level(name);
    level.warmCalls++;
    if (tookMs < level.quickestWarmMs) level.quickestWarmMs = tookMs;
  }

  setIdleMemory(name: IsolationLevel, bytes: number): void {
    this.#level(name).idleMemoryBytes = bytes;
  }

  of(name: IsolationLevel): LevelCost | undefined {
    const level = this.#levels.get(name);
    if (level === undefined) return undefined;
    const { warmCalls, quickestWarmMs } = level;
    return {
      booted: seen(level.booted),
      waiting: seen(level.waiting),
      quickestWarmMs: warmCalls === 0 ? undefined : quickestWarmMs,
      warmCalls,
      idleMemoryBytes: level.idleMemoryBytes,
    };
  }

  #level(name: IsolationLevel): Level {
    const known = this.#levels.get(name);
    if (known !== undefined) return known;
    const level: Level = {
      booted: new DdSketch(),
      waiting: new DdSketch(),
      quickestWarmMs: Infinity,
      warmCalls: 0,
      idleMemoryBytes: undefined,
    };
    this.#levels.set(name, level);
    return level;
  }
}

const startMs = ({ bootMs, loadMs, initMs }: Timing): number => bootMs + loadMs + initMs;

function seen(sketch: DdSketch): SeenTimes | undefined {
  const [p50Ms, p95Ms] = sketch.quantiles([0.5, 0.95]);
  return p50Ms === undefined || p95Ms === undefined ? undefined : { count: sketch.count, p50Ms, p95Ms };
}
