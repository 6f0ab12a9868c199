import { setTimeout as delay } from 'node:timers/promises';
import { PlatformError } from '../../../../shared/errors.ts';
import type { GuestControl } from '../support/guest/guest-control.ts';
import type { GuestExit } from '../support/guest/guest-ending.ts';

/** For the guest's agent, which goes through its start twice a second as long as nobody tells it that it goes on. */
const agentMs = 1000;

/**
 * Has a guest that was restored ahead go through what it will do once it is needed, and freezes it again: QEMU has translated that code then. The guest is told the
 * time and fresh random bytes of its own for that, and gets others when it is needed. Rejects when `signal` ends it, when the agent ends meanwhile (`agentExit`), and
 * as `GuestControl` does. It goes on for `ms`.
 */
export async function goThroughStart(
  guest: { readonly control: Pick<GuestControl, 'settle' | 'freeze'>; readonly agentExit: Promise<GuestExit> },
  signal: AbortSignal,
  ms = agentMs,
): Promise<void> {
  const ended = guest.agentExit.then(() => {
    throw new PlatformError('unavailable', 'guest_lost', 'the agent of a guest that waits has ended');
  });
  const start = async (): Promise<void> => {
    await guest.control.settle();
    await delay(ms, undefined, { signal });
    await guest.control.freeze();
  };
  await Promise.race([start(), ended]);
}
