import { EgressProxy } from '../execution-engine/egress/egress-proxy.ts';
import { GuardedDialer } from '../execution-engine/egress/guarded-dialer.ts';
import type { Foundation } from './foundation.ts';

/** The way out of functions with an allow-list. */
export function createEgress({ settings, clock, secrets }: Foundation): EgressProxy {
  const dialer = new GuardedDialer({ allowsPrivate: settings.HEARTH_EGRESS_PRIVATE, connectTimeoutMs: 10_000 });
  return new EgressProxy({ dialer, clock, secrets });
}
