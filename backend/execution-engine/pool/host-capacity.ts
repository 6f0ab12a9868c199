import { PlatformError } from '../../../shared/errors.ts';

export interface HostCapacityOptions {
  readonly maxInstances: number;
  readonly memoryBudgetMb: number;
  /** Room became free. */
  readonly onFreed: () => void;
}

/** The room of one sandbox, from before it is made until its last process is gone. */
export interface Reservation {
  readonly memoryMb: number;
  /** Of a sandbox that takes more or less from now on; false, with nothing changed, when there is no room for more. */
  resize(memoryMb: number): boolean;
  /** It will be free soon. Idempotent. */
  markDying(): void;
  /** Idempotent. */
  release(): void;
}

/** What is used of the host by sandboxes that exist, are being made or are not yet quite gone. */
export class HostCapacity {
  readonly #options: HostCapacityOptions;
  #instances = 0;
  #memoryMb = 0;
  #dyingInstances = 0;
  #dyingMemoryMb = 0;

  constructor(options: HostCapacityOptions) {
    this.#options = options;
  }

  get instances(): number {
    return this.#instances;
  }

  get memoryMb(): number {
    return this.#memoryMb;
  }

  /** Share of the scarcer resource in use, 0 to 1. */
  get pressure(): number {
    return Math.max(this.#instances / this.#options.maxInstances, this.#memoryMb / this.#options.memoryBudgetMb);
  }

  /** A sandbox of this size could exist if nothing else did. */
  couldEverFit(memoryMb: number): boolean {
    return memoryMb <= this.#options.memoryBudgetMb;
  }

  /** As `tryReserve`; throws `unavailable`/`capacity` when there is no room. `what` is what needs it. */
  reserve(memoryMb: number, what: 'instance' | 'sandbox'): Reservation {
    const reservation = this.tryReserve(memoryMb);
    if (reservation !== undefined) return reservation;
    const message = `the host has no room for another ${what}`;
    throw new PlatformError('unavailable', 'capacity', message, { retryAfterSeconds: 1 });
  }

  /** Undefined: there is no room. */
  tryReserve(memoryMb: number): Reservation | undefined {
    if (this.#instances >= this.#options.maxInstances) return undefined;
    if (this.#memoryMb + memoryMb > this.#options.memoryBudgetMb) return undefined;
    this.#instances++;
    this.#memoryMb += memoryMb;
    let state: 'used' | 'dying' | 'free' = 'used';
    let ownMb = memoryMb;
    return {
      get memoryMb() {
        return ownMb;
      },
      resize: (wantedMb) => {
        const moreMb = wantedMb - ownMb;
        if (state !== 'used' || (moreMb > 0 && this.#memoryMb + moreMb > this.#options.memoryBudgetMb)) return false;
        ownMb = wantedMb;
        this.#memoryMb += moreMb;
        if (moreMb < 0) this.#options.onFreed();
        return true;
      },
      markDying: () => {
        if (state !== 'used') return;
        state = 'dying';
        this.#dyingInstances++;
        this.#dyingMemoryMb += ownMb;
      },
      release: () => {
        if (state === 'free') return;
        if (state === 'dying') {
          this.#dyingInstances--;
          this.#dyingMemoryMb -= ownMb;
        }
        state = 'free';
        this.#instances--;
        this.#memoryMb -= ownMb;
        this.#options.onFreed();
      },
    };
  }

  /** One of this size fits once what is dying is gone, and `extra` too. */
  willFit(memoryMb: number, extra: { readonly instances: number; readonly memoryMb: number }): boolean {
    return (
      this.#instances - this.#dyingInstances - extra.instances < this.#options.maxInstances &&
      this.#memoryMb - this.#dyingMemoryMb - extra.memoryMb + memoryMb <= this.#options.memoryBudgetMb
    );
  }
}
