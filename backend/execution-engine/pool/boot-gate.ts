import type { VersionPool } from './version-pool.ts';

export interface BootGateOptions {
  readonly maxBoots: number;
  /** Begins one boot if there is room on the host, or makes room and returns undefined. */
  readonly startBoot: (pool: VersionPool) => Promise<void> | undefined;
  /** Begins one pre-warmed sandbox if one is missing. */
  readonly refill: () => Promise<void> | undefined;
}

/**
 * Bounds how many sandboxes start at the same time on this host. Versions take turns, one boot each; calls that wait come before
 * instances kept warm by configuration, and those before pre-warmed sandboxes.
 */
export class BootGate {
  readonly #options: BootGateOptions;
  /** Versions that asked, in the order of their turns. */
  readonly #demand = new Set<VersionPool>();
  #active = 0;
  /** Of the active ones, those for a version. */
  #boots = 0;
  #isPumping = false;
  #pumpAgain = false;
  #isClosed = false;
  /** Somebody waits for room on the host. */
  isBlocked = false;

  constructor(options: BootGateOptions) {
    this.#options = options;
  }

  request(pool: VersionPool): void {
    this.#demand.add(pool);
    this.pump();
  }

  /** Starts what may start now. Safe to call from within itself. */
  pump(): void {
    if (this.#isPumping) {
      this.#pumpAgain = true;
      return;
    }
    this.#isPumping = true;
    do {
      this.#pumpAgain = false;
      this.#startAll();
    } while (this.#pumpAgain);
    this.#isPumping = false;
  }

  close(): void {
    this.#isClosed = true;
    this.#demand.clear();
  }

  #startAll(): void {
    this.isBlocked = false;
    const passes = [true, false];
    for (const isUrgent of passes) {
      const blocked = new Set<VersionPool>();
      for (let pool = this.#next(isUrgent, blocked); pool !== undefined; pool = this.#next(isUrgent, blocked)) {
        const boot = this.#options.startBoot(pool);
        if (boot === undefined) {
          blocked.add(pool);
          this.isBlocked ||= isUrgent;
          continue;
        }
        this.#demand.delete(pool);
        this.#demand.add(pool);
        this.#boots++;
        this.#follow(boot, () => this.#boots--);
      }
    }
    // A refill must not slow down the start that somebody waits for.
    if (this.isBlocked || this.#boots > 0) return;
    while (this.#active < this.#options.maxBoots && !this.#isClosed) {
      const refill = this.#options.refill();
      if (refill === undefined) return;
      this.#follow(refill, () => undefined);
    }
  }

  #next(isUrgent: boolean, blocked: ReadonlySet<VersionPool>): VersionPool | undefined {
    if (this.#active >= this.#options.maxBoots || this.#isClosed) return undefined;
    for (const pool of this.#demand) {
      if (pool.bootsWanted() === 0) this.#demand.delete(pool);
      else if (pool.isBootUrgent === isUrgent && !blocked.has(pool)) return pool;
    }
    return undefined;
  }

  #follow(boot: Promise<void>, onDone: () => void): void {
    this.#active++;
    const done = () => {
      onDone();
      this.#active--;
      this.pump();
    };
    boot.then(done, done);
  }
}
