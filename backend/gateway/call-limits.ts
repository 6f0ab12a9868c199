import type { RateLimit } from '../../shared/caller-auth.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { VersionSpec } from '../core/version.ts';
import { addressGroup } from '../util/address-group.ts';
import { type BucketState, TokenBuckets } from '../util/token-buckets.ts';
import { type Refusal, refusal } from './fault-responses.ts';

export interface CallLimitsOptions {
  readonly clock: Clock;
  /** Requests per minute from one address to all functions together; 0: any number. */
  readonly perAddressAndMinute: number;
}

interface Rule {
  /** As it is named in `RateLimit-Policy`. */
  readonly name: string;
  readonly requests: number;
  readonly windowSeconds: number;
}

const maxKeys = 100_000;

/** What the limits say of a call. */
export interface LimitVerdict {
  /** For the client; name, value, name, value … */
  readonly headers: readonly string[];
  /** Undefined: it may go on. */
  readonly refusal: Refusal | undefined;
}

/** How often addresses, callers and everybody together may call functions. Buckets are in memory; a restart fills them. */
export class CallLimits {
  readonly #options: CallLimitsOptions;
  readonly #buckets = new TokenBuckets(maxKeys);
  readonly #ofPlatform: Rule | undefined;

  constructor(options: CallLimitsOptions) {
    this.#options = options;
    const { perAddressAndMinute: requests } = options;
    this.#ofPlatform = requests === 0 ? undefined : { name: 'gateway-address', requests, windowSeconds: 60 };
  }

  /** False: `check` would have nothing to do. */
  concerns(version: VersionSpec): boolean {
    return this.#ofPlatform !== undefined || version.config.rateLimits.length > 0;
  }

  /** Before anything is known of the caller: by address, and for public functions all together. */
  beforeCaller(version: VersionSpec, address: string): LimitVerdict {
    const { auth, rateLimits } = version.config;
    const group = addressGroup(address);
    const checks: [Rule, string][] = [];
    if (this.#ofPlatform !== undefined) checks.push([this.#ofPlatform, `gateway ${group}`]);
    for (const limit of rateLimits) {
      if (limit.by === 'address') checks.push([ruleOf(limit), `address ${version.functionId} ${group}`]);
      // Who is not let in must not use up what is there for those who are.
      if (limit.by === 'function' && auth === null) checks.push([ruleOf(limit), `function ${version.functionId}`]);
    }
    return this.#check(checks);
  }

  /** For functions that ask who calls. */
  ofCaller({ functionId, config }: VersionSpec, callerId: string): LimitVerdict {
    const checks: [Rule, string][] = [];
    for (const limit of config.rateLimits) {
      if (limit.by === 'caller') checks.push([ruleOf(limit), `caller ${functionId} ${callerId}`]);
      if (limit.by === 'function') checks.push([ruleOf(limit), `function ${functionId}`]);
    }
    return this.#check(checks);
  }

  /** Header fields of draft-ietf-httpapi-ratelimit-headers-10: a policy `"name";q=100;w=60` and what is left of it `"name";r=9;t=60`. */
  #check(checks: readonly [Rule, string][]): LimitVerdict {
    if (checks.length === 0) return { headers: [], refusal: undefined };
    const now = this.#options.clock.monotonic();
    const policies: string[] = [];
    const states: string[] = [];
    let refused: BucketState | undefined;
    for (const [{ name, requests, windowSeconds }, key] of checks) {
      const state = this.#buckets.take(`${key} ${requests}/${windowSeconds}`, requests, windowSeconds * 1000, now);
      policies.push(`"${name}";q=${requests};w=${windowSeconds}`);
      states.push(`"${name}";r=${state.remaining};t=${state.waitSeconds}`);
      // A call that is refused by one limit must not use up what another one has for everybody.
      if (!state.isAllowed) {
        refused = state;
        break;
      }
    }
    const headers = ['ratelimit-policy', policies.join(', '), 'ratelimit', states.join(', ')];
    if (refused === undefined) return { headers, refusal: undefined };
    const detail = 'Too many calls; Retry-After says when to try again.';
    return { headers, refusal: refusal('throttled', 'rate_limited', detail, refused.waitSeconds) };
  }
}

const ruleOf = ({ by, requests, windowSeconds }: RateLimit): Rule => ({ name: by, requests, windowSeconds });
