import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { dayMs } from '../../../shared/durations.ts';
import type { Clock } from '../../core/ports/clock.ts';

export interface KeySetsOptions {
  readonly clock: Clock;
  /** GETs a document from the public internet. */
  readonly fetch: (url: string) => Promise<Buffer>;
}

interface PublicKey {
  readonly keyId: string | undefined;
  readonly key: KeyObject;
}
interface KeySet {
  keys: readonly PublicKey[];
  fetchedAt: number;
  triedAt: number;
  isFetching: Promise<void> | undefined;
}

const freshMs = 600_000;
/** Keys that cannot be fetched again are believed so long. */
const staleMs = dayMs;
/** Between two fetches of one address, whatever callers send: an unknown key id must not make us hammer an issuer. */
const retryMs = 30_000;
const maxSets = 500;
const maxKeys = 50;

/** The public keys among a JSON Web Key Set (RFC 7517) that are for signatures. Throws when it is none. */
export function keysOf(document: unknown): readonly PublicKey[] {
  const list = (document as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(list)) throw new TypeError('not a JSON Web Key Set');
  return list.slice(0, maxKeys).flatMap((jwk: JsonWebKey & { use?: unknown; kid?: unknown }) => {
    if (jwk?.use !== undefined && jwk.use !== 'sig') return [];
    try {
      const key = createPublicKey({ key: jwk, format: 'jwk' });
      return [{ keyId: typeof jwk.kid === 'string' ? jwk.kid : undefined, key }];
    } catch {
      // A set may hold kinds of keys that we do not know; the others count.
      return [];
    }
  });
}

/** Keys of issuers, fetched when first asked for, kept in memory. */
export class KeySets {
  readonly #options: KeySetsOptions;
  readonly #sets = new Map<string, KeySet>();

  constructor(options: KeySetsOptions) {
    this.#options = options;
  }

  /** The keys that `isWanted` holds for. Fetches when there are none yet, they are old, or none is wanted. */
  async find(url: string, isWanted: (key: PublicKey) => boolean): Promise<readonly KeyObject[] | undefined> {
    const set = this.#set(url);
    const now = this.#options.clock.monotonic();
    const isFresh = now - set.fetchedAt < freshMs;
    const known = set.keys.filter(isWanted);
    if (isFresh && known.length > 0) return known.map(({ key }) => key);
    if (set.isFetching !== undefined || now - set.triedAt >= retryMs) {
      set.isFetching ??= this.#fetch(url, set).finally(() => {
        set.isFetching = undefined;
      });
      await set.isFetching;
    }
    if (this.#options.clock.monotonic() - set.fetchedAt >= staleMs) return undefined;
    return set.keys.filter(isWanted).map(({ key }) => key);
  }

  async #fetch(url: string, set: KeySet): Promise<void> {
    const { clock, fetch } = this.#options;
    set.triedAt = clock.monotonic();
    try {
      set.keys = keysOf(JSON.parse((await fetch(url)).toString('utf8')));
      set.fetchedAt = clock.monotonic();
    } catch {
      // The old ones are believed for a while; who has none is told that the keys are not available.
    }
  }

  #set(url: string): KeySet {
    let set = this.#sets.get(url);
    if (set === undefined) {
      const never = Number.NEGATIVE_INFINITY;
      set = { keys: [], fetchedAt: never, triedAt: never, isFetching: undefined };
      this.#sets.set(url, set);
      const [oldest] = this.#sets.keys();
      if (this.#sets.size > maxSets && oldest !== undefined) this.#sets.delete(oldest);
    }
    return set;
  }
}
