import type { Clock } from '../../core/ports/clock.ts';

export interface SeenMessagesOptions {
  readonly clock: Clock;
  /** 100,000 when left out. */
  readonly maxRemembered?: number;
}

/**
 * Ids of signed messages that were let in, until they would be too old anyway. In memory: a restart forgets them, and
 * when there are more than fit the oldest go, so a function that must not do a thing twice keeps the id itself.
 */
export class SeenMessages {
  readonly #options: SeenMessagesOptions;
  /** Key -> Clock.now at which it is of no more use. */
  readonly #seen = new Map<string, number>();

  constructor(options: SeenMessagesOptions) {
    this.#options = options;
  }

  /** Remembers it; false when it was seen before. */
  isNew(key: string, expiresAt: number): boolean {
    const { clock, maxRemembered = 100_000 } = this.#options;
    const known = this.#seen.get(key);
    if (known !== undefined && known > clock.now()) return false;
    this.#seen.delete(key);
    this.#seen.set(key, expiresAt);
    for (const [oldest, until] of this.#seen) {
      if (this.#seen.size <= maxRemembered && until > clock.now()) break;
      this.#seen.delete(oldest);
    }
    return true;
  }
}
