import { isDraft } from '../../../shared/drafts.ts';
import type { FunctionId, VersionId } from '../../../shared/ids.ts';
import { IdleHistogram } from '../../core/policies/idle-histogram.ts';
import {
  fixedPlan,
  type KeepAlivePlan,
  type KeepAliveSettings,
  planKeepAlive,
  wantedAt,
} from '../../core/policies/keep-alive.ts';
import type { VersionSpec } from '../../core/version.ts';

export interface KeepAliveBookOptions {
  /** `fixed`: idle instances are kept `settings.fallbackMs`, whatever was seen. */
  readonly mode: 'predictive' | 'fixed';
  readonly settings: KeepAliveSettings;
  /** Versions remembered, about a kilobyte each; the one that was not used for longest goes first. */
  readonly maxVersions: number;
}

type Settings = Pick<KeepAliveBookOptions, 'mode' | 'settings'>;

/** When one version was called, and what follows from it. All times from Clock.monotonic(). */
export class VersionKeepAlive {
  readonly version: VersionSpec;
  /** No call runs or waits. */
  isQuiet = true;
  quietSinceMs: number;
  /** Calls after a quiet time that found an instance waiting. */
  coldStartsAvoided = 0;
  /** What idle instances held meanwhile: memory limits times time. */
  idleMbHours = 0;
  readonly #options: Settings;
  /** Only for versions whose plan depends on it. */
  #seen: IdleHistogram | undefined;
  #hasBeenCalled = false;
  /** Made when it is asked for, not on the way of a call. */
  #plan: KeepAlivePlan | undefined;

  constructor(version: VersionSpec, options: Settings, nowMs: number, predecessor: VersionKeepAlive | undefined) {
    this.version = version;
    this.#options = options;
    this.quietSinceMs = nowMs;
    this.#seen = predecessor === undefined ? undefined : predecessor.#seen?.copy();
  }

  /** Idle times that were seen; 0 where they are not counted. */
  get samples(): number {
    return Math.round(this.#seen?.samples ?? 0);
  }

  /** The first call after a quiet time; returns how long that was, 0 for the first of all. */
  called(nowMs: number): number {
    const idleMs = this.#hasBeenCalled ? nowMs - this.quietSinceMs : 0;
    this.isQuiet = false;
    if (this.#hasBeenCalled && this.#isPredicted) {
      this.#seen ??= new IdleHistogram();
      this.#seen.add(idleMs);
      this.#plan = undefined;
    }
    this.#hasBeenCalled = true;
    return idleMs;
  }

  /** The last call ended, or the last that waited left. */
  quiet(nowMs: number): void {
    if (this.isQuiet) return;
    this.isQuiet = true;
    this.quietSinceMs = nowMs;
  }

  plan(): KeepAlivePlan {
    this.#plan ??= this.#makePlan();
    return this.#plan;
  }

  /** What there should be for calls to come; `keep` while calls run. */
  wantedAt(nowMs: number): 'keep' | 'nothing' | 'ready' {
    return this.isQuiet ? wantedAt(this.plan(), nowMs - this.quietSinceMs) : 'keep';
  }

  /** How long instances that the current calls leave idle are kept. */
  get surplusKeepMs(): number {
    return this.#isPredicted ? this.#options.settings.fallbackMs : this.plan().keepAliveMs;
  }

  /** Share of the quiet times seen that ended within `withinMs` from now, given that this one lasts already; 1 while calls run. */
  chanceOfCall(nowMs: number, withinMs: number): number | undefined {
    if (!this.isQuiet) return 1;
    if (this.#seen === undefined || this.#seen.samples < this.#options.settings.minSamples) return undefined;
    const idleMs = nowMs - this.quietSinceMs;
    const left = 1 - this.#seen.shareBetween(0, idleMs - this.#seen.settings.binMs);
    return left <= 0 ? 0 : Math.min(1, this.#seen.shareBetween(idleMs, idleMs + withinMs) / left);
  }

  get #isPredicted(): boolean {
    return this.#options.mode === 'predictive' && this.version.config.idleTimeoutMs === null;
  }

  #makePlan(): KeepAlivePlan {
    const { idleTimeoutMs } = this.version.config;
    const { mode, settings } = this.#options;
    if (idleTimeoutMs !== null) return fixedPlan('configured', idleTimeoutMs, 'the version sets idleTimeoutMs');
    if (mode === 'fixed') return fixedPlan('fixed', settings.fallbackMs, 'HEARTH_KEEP_ALIVE is fixed');
    return planKeepAlive(this.#seen ?? new IdleHistogram(), settings);
  }
}

/**
 * What was learnt about the calls of versions, for as long as the platform runs: also of versions that have no instance now. A version
 * that is new begins with what was learnt of the version before it; drafts teach nothing to others.
 */
export class KeepAliveBook {
  readonly #options: KeepAliveBookOptions;
  /** In order of use. */
  readonly #versions = new Map<VersionId, VersionKeepAlive>();
  readonly #latest = new Map<FunctionId, VersionKeepAlive>();

  constructor(options: KeepAliveBookOptions) {
    this.#options = options;
  }

  of(version: VersionSpec, nowMs: number): VersionKeepAlive {
    const { versionId, functionId } = version;
    const known = this.#versions.get(versionId);
    const kept = known ?? new VersionKeepAlive(version, this.#options, nowMs, this.#latest.get(functionId));
    this.#versions.delete(versionId);
    this.#versions.set(versionId, kept);
    if (!isDraft(version)) this.#latest.set(functionId, kept);
    if (this.#versions.size > this.#options.maxVersions) this.#forgetOldest();
    return kept;
  }

  #forgetOldest(): void {
    const [oldest] = this.#versions.values();
    if (oldest === undefined) return;
    const { versionId, functionId } = oldest.version;
    this.#versions.delete(versionId);
    if (this.#latest.get(functionId) === oldest) this.#latest.delete(functionId);
  }
}
