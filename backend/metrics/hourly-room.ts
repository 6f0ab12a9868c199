import { hourMs } from '../../shared/durations.ts';
import type { FunctionId } from '../../shared/ids.ts';

const maxFunctions = 2_000;

interface Seen {
  readonly hourAt: number;
  readonly keys: Set<string>;
}

/** Lets each function have so many different keys in an hour: code that makes up names fills no disk. */
export class HourlyRoom {
  readonly #maxKeys: number;
  readonly #seen = new Map<FunctionId, Seen>();

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  /** The key is one of those that the function has in this hour, or has become one. */
  has(functionId: FunctionId, at: number, key: string): boolean {
    const hourAt = Math.floor(at / hourMs) * hourMs;
    let seen = this.#seen.get(functionId);
    if (seen === undefined || seen.hourAt !== hourAt) {
      if (this.#seen.size >= maxFunctions) this.#seen.clear();
      seen = { hourAt, keys: new Set() };
      this.#seen.set(functionId, seen);
    }
    if (seen.keys.has(key)) return true;
    if (seen.keys.size >= this.#maxKeys) return false;
    seen.keys.add(key);
    return true;
  }
}
