import type { Clock } from '../../core/ports/clock.ts';
import type { StartPhases } from '../../core/ports/instance-pool.ts';

type Step = 'bootMs' | 'loadMs' | 'initMs';

/** How long the steps of one start take, one after the other; a step that fails counts too, and one that is going on as far as it has come. */
export class StartSteps {
  readonly #clock: Clock;
  readonly #beganMs: number;
  readonly #took = { bootMs: 0, loadMs: 0, initMs: 0 };
  #current: { readonly step: Step; readonly fromMs: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#beganMs = clock.monotonic();
  }

  async time<T>(step: Step, work: () => Promise<T>): Promise<T> {
    const fromMs = this.#clock.monotonic();
    this.#current = { step, fromMs };
    try {
      return await work();
    } finally {
      this.#took[step] += this.#clock.monotonic() - fromMs;
      this.#current = undefined;
    }
  }

  /** As far as the start has come. */
  phases(): StartPhases {
    const nowMs = this.#clock.monotonic();
    const phases = { acquireMs: nowMs - this.#beganMs, ...this.#took };
    if (this.#current !== undefined) phases[this.#current.step] += nowMs - this.#current.fromMs;
    return phases;
  }
}
