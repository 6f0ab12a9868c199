import type { Clock } from '../../core/ports/clock.ts';

export interface SeenMessagesOptions {
  readonly clock: Clock;
  /** 100,000 when left out. */
  readonly maxRemembered?: number;
}

/**
 * Ids of signed messages that were let in, until they would be too old anyway. In memory, in two generations: a restart
 * forgets them, and when there are more than fit the older half goes, so a function that must not do a thing twice keeps
 * the id itself.
 */
export class SeenMessages {
  readonly #options: SeenMessagesOptions;
  /** Key -> Clock.now at which it is of no more use. */
  #young = new Map<string, number>();
  #old = new Map<string, number>();

  constructor(options: SeenMessagesOptions) {
    this.#options = options;
  }

  /** Remembers it; false when it was seen before. */
  isNew(key: string, expiresAt: number): boolean {
    const { clock, maxRemembered = 100_000 } = this.#options;
    const known = this.#young.get(key) ?? this.#old.get(key);
    if (known !== undefined && known > clock.now()) return false;
    if (this.#young.size >= maxRemembered / 2) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, expiresAt);
    return true;
  }
}
