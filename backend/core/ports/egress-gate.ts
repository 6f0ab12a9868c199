import type { Duplex } from 'node:stream';
import type { EgressAllowList, EgressRefusalReason } from '../../../shared/egress.ts';

/** What connections moved, as bytes on the wire. */
export interface EgressBytes {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** One instance that may reach the hosts of an allow-list. */
export interface EgressClient {
  readonly rules: EgressAllowList;
  /** Whose secrets its hosts may get. */
  readonly project: string;
  /** Takes a line for the log of its function, for example about a host that is not on the list. Must not throw. */
  note(text: string): void;
  /** Takes every attempt that is refused; `host` is `host:port`. Must not throw. */
  refused(host: string, reason: EgressRefusalReason): void;
  /** Takes what its connections moved since it was told last, about once a second while they do. Must not throw. */
  moved(bytes: EgressBytes): void;
}

/** The way out of sandboxes that have no network of their own. */
export interface EgressGate {
  /** A way out for one instance: takes over connections of its programs, which speak as to an HTTP proxy. Never throws. */
  admit(client: EgressClient): (connection: Duplex) => void;
}
