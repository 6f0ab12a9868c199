export interface HostCapacityOptions {
  readonly maxInstances: number;
  readonly memoryBudgetMb: number;
  /** Room became free. */
  readonly onFreed: () => void;
}

/** The room of one sandbox, from before it is made until its last process is gone. */
export interface Reservation {
  readonly memoryMb: number;
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

  tryReserve(memoryMb: number): Reservation | undefined {
    if (this.#instances >= this.#options.maxInstances) return undefined;
    if (this.#memoryMb + memoryMb > this.#options.memoryBudgetMb) return undefined;
    this.#instances++;
    this.#memoryMb += memoryMb;
    let state: 'used' | 'dying' | 'free' = 'used';
    return {
      memoryMb,
      markDying: () => {
        if (state !== 'used') return;
        state = 'dying';
        this.#dyingInstances++;
        this.#dyingMemoryMb += memoryMb;
      },
      release: () => {
        if (state === 'free') return;
        if (state === 'dying') {
          this.#dyingInstances--;
          this.#dyingMemoryMb -= memoryMb;
        }
        state = 'free';
        this.#instances--;
        this.#memoryMb -= memoryMb;
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
