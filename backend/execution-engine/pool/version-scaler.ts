import { DemandHistory } from '../../core/policies/demand-history.ts';
import { calmScale, decideScale, type ScaleDecision, type ScaleInput } from '../../core/policies/scaling.ts';
import type { Clock } from '../../core/ports/clock.ts';

type Facts = Omit<ScaleInput, 'nowMs' | 'holdMs' | 'startMs' | 'stableSlots' | 'panicSlots'>;

/** The windows of Knative's autoscaler: 60 s, and a tenth of it for panic. */
const windows = { stableSeconds: 60, panicSeconds: 6 };
/** Weight of the newest in the moving averages. */
const newestWeight = 0.1;

/** What one version's past says about its scaling, and the decisions that follow (core/policies/scaling.ts). */
export class VersionScaler {
  readonly #clock: Clock;
  readonly #onRecheck: () => void;
  readonly #history = new DemandHistory(windows);
  #state = calmScale;
  #holdMs: number | undefined;
  #startMs: number | undefined;
  #cancelRecheck: (() => void) | undefined;

  /** `onRecheck`: a call was left to instances that should have been free by now. */
  constructor(clock: Clock, onRecheck: () => void) {
    this.#clock = clock;
    this.#onRecheck = onRecheck;
  }

  /** So many slots are needed now. The way of every call. */
  note(slots: number): void {
    this.#history.note(slots);
  }

  tick(nowMs: number, slots: number): void {
    this.#history.advance(nowMs, slots);
  }

  /** A call gave its slot back. */
  held(ms: number): void {
    this.#holdMs = this.#holdMs === undefined ? ms : this.#holdMs + (ms - this.#holdMs) * newestWeight;
  }

  started(tookMs: number): void {
    this.#startMs = this.#startMs === undefined ? tookMs : (this.#startMs + tookMs) / 2;
  }

  decide(facts: Facts): ScaleDecision {
    const { state, decision } = decideScale(this.#state, {
      ...facts,
      nowMs: this.#clock.monotonic(),
      holdMs: this.#holdMs,
      startMs: this.#startMs,
      stableSlots: this.#history.stableSlots,
      panicSlots: this.#history.panicSlots,
    });
    this.#state = state;
    if (decision.isDeferring) this.#recheckIn((this.#startMs ?? 0) - facts.waitedMs + 1);
    return decision;
  }

  close(): void {
    this.#cancelRecheck?.();
    this.#cancelRecheck = undefined;
  }

  #recheckIn(ms: number): void {
    this.#cancelRecheck ??= this.#clock.after(Math.max(1, ms), () => {
      this.#cancelRecheck = undefined;
      this.#onRecheck();
    });
  }
}
