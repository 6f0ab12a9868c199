import { secondMs } from '../../../shared/durations.ts';
import type { FunctionId, VersionId } from '../../../shared/ids.ts';
import type { InvocationReport } from '../../core/invocation.ts';
import type { IoUsage } from '../../core/ports/sandbox.ts';
import type { VersionSpec } from '../../core/version.ts';
import type { GaugeSample } from '../aggregator/gauge-sums.ts';
import { Measurement } from '../aggregator/measurement.ts';
import type { Measured } from '../aggregator/recent-seconds.ts';
import { allFunctions, hostSeries, otherFunctions, startOfStep } from '../aggregator/steps.ts';

interface LiveSeries {
  readonly functionId: FunctionId;
  readonly functionName: string;
  readonly version: number;
  /** What happened in the current second, or undefined. */
  second: Measurement | undefined;
  usedAt: number;
}

/** What one series did in the second that was closed. */
export interface ClosedSeries extends Omit<Measured, 'at'> {
  readonly functionName: string;
}

export interface LiveWindowsOptions {
  /** Versions (and throttled functions) told apart at a time; what exceeds it counts as `otherFunctions`. */
  readonly maxSeries: number;
  /** A series without a call for so long is forgotten (its points are not). */
  readonly idleMs: number;
  /** Takes every second that ended, `allFunctions` as the last series where a function did something. May come more than once for the same second. */
  readonly onClosed: (secondAt: number, series: readonly ClosedSeries[]) => void;
}

/** A wall clock that goes back further than this was set back; smaller steps back are late events. */
const jumpBackMs = 60_000;

/** The second that is going on, per version. `add…` is on the path of every invocation. */
export class LiveWindows {
  readonly #options: LiveWindowsOptions;
  readonly #series = new Map<VersionId | string, LiveSeries>();
  readonly #other = seriesOfNone(otherFunctions);
  readonly #host = seriesOfNone(hostSeries);
  #active: LiveSeries[] = [];
  #secondAt: number;
  #overflow = 0;

  constructor(options: LiveWindowsOptions, now: number) {
    this.#options = options;
    this.#secondAt = startOfStep(now, secondMs);
  }

  /** Events that were counted as `otherFunctions`: beyond `maxSeries`, or throttles and refusals of an unknown function. */
  get overflow(): number {
    return this.#overflow;
  }
  get size(): number {
    return this.#series.size;
  }
  get secondAt(): number {
    return this.#secondAt;
  }

  addInvocation(at: number, version: VersionSpec, report: InvocationReport): void {
    this.#measureVersion(at, version).addInvocation(report);
  }

  addIo(at: number, version: VersionSpec, io: IoUsage): void {
    this.#measureVersion(at, version).addIo(io);
  }

  addMemory(at: number, version: VersionSpec, bytes: number): void {
    this.#measureVersion(at, version).addMemory(bytes);
  }

  addBatch(at: number, version: VersionSpec, size: number, waitMs: number): void {
    this.#measureVersion(at, version).addBatch(size, waitMs);
  }

  addSharedCall(at: number, version: VersionSpec): void {
    this.#measureVersion(at, version).addSharedCall();
  }

  addGauges(at: number, sample: GaugeSample): void {
    this.advance(at);
    this.#measure(this.#host).addGauges(sample);
  }

  /** A throttle belongs to no version. Undefined: a function that is not known here. */
  addThrottle(at: number, functionId: FunctionId | undefined, functionName: string): void {
    this.#measureFunction(at, functionId, functionName).addThrottle();
  }

  /** As `addThrottle`. */
  addRefusal(at: number, functionId: FunctionId | undefined, functionName: string): void {
    this.#measureFunction(at, functionId, functionName).addRefusal();
  }

  /** Moves to the second of `now`, closing the one before. A little late is still now; far back means that the clock was set back. */
  advance(now: number): void {
    const aheadMs = now - this.#secondAt;
    if (aheadMs >= 0 && aheadMs < secondMs) return;
    if (aheadMs < 0 && aheadMs >= -jumpBackMs) return;
    this.closeSecond();
    this.#secondAt = startOfStep(now, secondMs);
  }

  /** Hands over what the current second has so far. */
  closeSecond(): void {
    const active = this.#active;
    if (active.length === 0) return;
    this.#active = [];
    const all = new Measurement();
    const closed: ClosedSeries[] = [];
    for (const series of active) {
      const measurement = series.second;
      series.second = undefined;
      if (measurement === undefined) continue;
      if (series !== this.#host) all.merge(measurement);
      const { functionId, functionName, version } = series;
      closed.push({ functionId, functionName, version, measurement });
    }
    if (!all.isEmpty) {
      closed.push({ functionId: allFunctions, functionName: allFunctions, version: 0, measurement: all });
    }
    this.#options.onClosed(this.#secondAt, closed);
  }

  /** What the current second has so far, of the series that match. */
  open(functionIds: ReadonlySet<FunctionId>, version: number | undefined): Measured[] {
    const at = this.#secondAt;
    const found: Measured[] = [];
    const all = functionIds.has(allFunctions) ? new Measurement() : undefined;
    for (const { functionId, version: ofVersion, second } of this.#active) {
      if (second === undefined) continue;
      if (functionId !== hostSeries) all?.merge(second);
      if (functionIds.has(functionId) && (version === undefined || version === ofVersion)) {
        found.push({ functionId, version: ofVersion, at, measurement: second });
      }
    }
    if (all !== undefined && !all.isEmpty) {
      found.push({ functionId: allFunctions, version: 0, at, measurement: all });
    }
    return found;
  }

  forgetIdle(now: number): void {
    for (const [key, series] of this.#series) {
      if (series.second === undefined && Math.abs(now - series.usedAt) > this.#options.idleMs) this.#series.delete(key);
    }
  }

  #measureFunction(at: number, functionId: FunctionId | undefined, functionName: string): Measurement {
    this.advance(at);
    if (functionId === undefined) return this.#measure(this.#other);
    const known = this.#series.get(functionId);
    return this.#measure(known ?? this.#open(functionId, { functionId, functionName, version: 0 }));
  }

  #measureVersion(at: number, version: VersionSpec): Measurement {
    this.advance(at);
    return this.#measure(this.#series.get(version.versionId) ?? this.#open(version.versionId, version));
  }

  #measure(series: LiveSeries): Measurement {
    if (series === this.#other) this.#overflow++;
    if (series.second !== undefined) return series.second;
    series.second = new Measurement();
    series.usedAt = this.#secondAt;
    this.#active.push(series);
    return series.second;
  }

  #open(key: string, of: Pick<LiveSeries, 'functionId' | 'functionName' | 'version'>): LiveSeries {
    if (this.#series.size >= this.#options.maxSeries) return this.#other;
    const { functionId, functionName, version } = of;
    const series: LiveSeries = { functionId, functionName, version, second: undefined, usedAt: this.#secondAt };
    this.#series.set(key, series);
    return series;
  }
}

function seriesOfNone(functionId: FunctionId): LiveSeries {
  return { functionId, functionName: functionId, version: 0, second: undefined, usedAt: 0 };
}
