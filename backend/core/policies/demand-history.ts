/** `stable` says how many instances a version needs, `panic` that it needs more than that now. In whole seconds. */
export interface DemandWindows {
  readonly stableSeconds: number;
  readonly panicSeconds: number;
}

/**
 * How many slots the calls of one version needed, the most of each second. What no second says was not needed: a window that is not
 * full yet counts the missing seconds as 0, so that a single burst is no trend.
 */
export class DemandHistory {
  readonly #windows: DemandWindows;
  /** One entry per second, in a circle. */
  readonly #peaks: Float64Array;
  /** The second that is being filled. */
  #second: number | undefined;
  #current = 0;
  #stableSum = 0;
  #panicSum = 0;

  constructor(windows: DemandWindows) {
    this.#windows = windows;
    this.#peaks = new Float64Array(windows.stableSeconds);
  }

  /** Averages over the windows, the current second left out. */
  get stableSlots(): number {
    return this.#stableSum / this.#windows.stableSeconds;
  }

  get panicSlots(): number {
    return this.#panicSum / this.#windows.panicSeconds;
  }

  /** So many slots are leased or waited for now. The way of every call. */
  note(slots: number): void {
    if (slots > this.#current) this.#current = slots;
  }

  /** Time goes by; `slots` are needed at `nowMs` (monotonic). Seconds that were not looked at had what the current one had. */
  advance(nowMs: number, slots: number): void {
    const second = Math.floor(nowMs / 1000);
    this.#second ??= second;
    const passed = Math.min(second - this.#second, this.#windows.stableSeconds);
    if (passed > 0) {
      for (let at = second - passed; at < second; at++) this.#close(at, this.#current);
      this.#second = second;
      this.#current = slots;
    }
    this.note(slots);
  }

  #close(second: number, peak: number): void {
    const { stableSeconds, panicSeconds } = this.#windows;
    const at = second % stableSeconds;
    const leaving = (second - panicSeconds + stableSeconds) % stableSeconds;
    this.#panicSum += peak - (this.#peaks[leaving] ?? 0);
    this.#stableSum += peak - (this.#peaks[at] ?? 0);
    this.#peaks[at] = peak;
  }
}
