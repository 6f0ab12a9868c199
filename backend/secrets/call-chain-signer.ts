import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { CallChain } from '../core/call-chain.ts';
import type { CallChains } from '../core/ports/call-chains.ts';
import type { Clock } from '../core/ports/clock.ts';

export interface CallChainSignerOptions {
  /** 32 bytes that only the platform knows, the same after a restart. */
  readonly key: Buffer;
  readonly clock: Clock;
}

/** u8 format, u8 depth, u48 deadline in ms since 1970, then the first 128 bits of an HMAC-SHA256 over these; in base64url. */
const format = 1;
const claimBytes = 8;
const signatureBytes = 16;
const tokenPattern = /^[A-Za-z0-9_-]{32}$/;
const maxDepth = 255;
const maxTime = 2 ** 48 - 1;
/**
 * A caller is destroyed well within this time after its deadline, so until then its calls are refused as too late. What comes later was kept from
 * another call by mistake, and is ignored.
 */
const overdueMs = 10_000;

/** Signs what functions hand on to one another, and checks it in constant time. */
export class CallChainSigner implements CallChains {
  readonly #key: KeyObject;
  readonly #clock: Clock;
  #ignored = 0;

  constructor({ key, clock }: CallChainSignerOptions) {
    this.#key = createSecretKey(key);
    this.#clock = clock;
  }

  /** Tokens that were forged, damaged or long over. */
  get ignored(): number {
    return this.#ignored;
  }

  tokenOf({ deadlineAt, depth }: CallChain): string {
    const token = Buffer.allocUnsafe(claimBytes + signatureBytes);
    token[0] = format;
    token[1] = Math.min(depth, maxDepth);
    // Rounded down: a call never ends later than its caller.
    token.writeUIntBE(Math.min(Math.max(0, Math.floor(deadlineAt)), maxTime), 2, 6);
    token.set(this.#signatureOf(token.subarray(0, claimBytes)), claimBytes);
    return token.toString('base64url');
  }

  read(token: string): CallChain | undefined {
    const chain = this.#verified(token);
    if (chain !== undefined && this.#clock.now() - chain.deadlineAt < overdueMs) return chain;
    this.#ignored++;
    return undefined;
  }

  #verified(token: string): CallChain | undefined {
    if (!tokenPattern.test(token)) return undefined;
    const bytes = Buffer.from(token, 'base64url');
    const claim = bytes.subarray(0, claimBytes);
    if (!timingSafeEqual(this.#signatureOf(claim), bytes.subarray(claimBytes))) return undefined;
    return claim[0] === format ? { depth: claim[1] as number, deadlineAt: claim.readUIntBE(2, 6) } : undefined;
  }

  #signatureOf(claim: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(claim).digest().subarray(0, signatureBytes);
  }
}
