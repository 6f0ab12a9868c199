import { PlatformError } from '../../shared/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Store } from '../core/ports/store.ts';
import { addressGroup } from '../util/address-group.ts';
import { auditRecord } from './audit.ts';

export interface SignInGuardOptions {
  readonly store: Pick<Store, 'signInFailures' | 'audit'>;
  readonly clock: Clock;
}

const windowMs = 900_000;
/** Failures of one account from one address (IPv6: one /64) in a window. Others may still sign in to that account. */
const maxPerAccount = 10;
/** Of all accounts from one address, so that a list of names is not tried out either. */
const maxPerAddress = 100;
/** Passwords that are checked at a time: each costs a thread and 19 MiB. */
const maxAtOnce = 4;
const maxWaiting = 64;

/**
 * Bounds guessing. An attempt counts as failed before its password is looked at and is forgiven when it was right: so a
 * hundred at once get no more tries than one after another, and a restart in between forgives nothing.
 */
export class SignInGuard {
  readonly #options: SignInGuardOptions;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: SignInGuardOptions) {
    this.#options = options;
  }

  /** Runs `check` when it is its turn. Rejects with `throttled` (`too_many_sign_ins`, also when the password is right). */
  async attempt(account: string, address: string, check: () => Promise<boolean>): Promise<boolean> {
    const { store, clock } = this.#options;
    const now = clock.now();
    const group = addressGroup(address);
    // Neither may be a part of the other: names have no space.
    const keys = { account: `account ${account} ${group}`, address: `address ${group}` };
    await this.#note(keys.account, maxPerAccount, account, address, now);
    await this.#note(keys.address, maxPerAddress, account, address, now);
    const isRight = await this.#inTurn(check);
    if (isRight) {
      await store.signInFailures.clear(keys.account);
      await store.signInFailures.forgive(keys.address);
    }
    return isRight;
  }

  async #note(key: string, limit: number, account: string, address: string, now: number): Promise<void> {
    const { store } = this.#options;
    const { failures, startedAt } = await store.signInFailures.note(key, now, windowMs);
    if (failures <= limit) return;
    if (failures === limit + 1) {
      // Once per window: an attacker must not fill the trail.
      const actor = { id: '', name: 'nobody', address, project: undefined };
      await store.audit.append(auditRecord(now, actor, 'session.throttled', account, { failures: limit }));
      await store.signInFailures.prune(now - windowMs);
    }
    throw new PlatformError('throttled', 'too_many_sign_ins', 'too many failed sign-ins from this address; wait', {
      retryAfterSeconds: Math.ceil((startedAt + windowMs - now) / 1000),
    });
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= maxAtOnce) {
      if (this.#waiting.length >= maxWaiting) {
        throw new PlatformError('throttled', 'too_many_sign_ins', 'too many sign-ins at once', {
          retryAfterSeconds: 5,
        });
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
