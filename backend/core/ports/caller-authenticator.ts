import type { VersionSpec } from '../version.ts';

/** What of a request says who sent it. */
export interface CallerProof {
  readonly authorization: string | undefined;
  readonly webhookId: string | undefined;
  readonly webhookTimestamp: string | undefined;
  readonly webhookSignature: string | undefined;
  /** The whole body, for signatures; empty otherwise. */
  readonly body: Buffer;
}

/** A caller that was let in. `id` tells callers of one function apart. */
export interface AuthenticatedCaller {
  readonly kind: 'token' | 'signature' | 'jwt';
  readonly id: string;
}

/** Checks callers of functions that are not public. */
export interface CallerAuthenticator {
  /**
   * Rejects with `unauthenticated` (`caller_unknown`, and nothing about why: the log says more), `forbidden`/`caller_not_allowed`,
   * `conflict`/`message_replayed`, or `unavailable`/`keys_unavailable`.
   */
  check(version: VersionSpec, proof: CallerProof): Promise<AuthenticatedCaller>;
}
