import { PlatformError } from '../../../../shared/errors.ts';
import type { SandboxLimits } from '../../../core/ports/isolation-driver.ts';

/** `what` is what was to be started, for the message. */
export function throwIfAborted(signal: AbortSignal, what = 'a sandbox'): void {
  if (signal.aborted) throw new PlatformError('unavailable', 'aborted', `starting ${what} was aborted`);
}

/** Any failure on the way to a sandbox as one that may cross the port. */
export function asPlatformError(cause: unknown, what = 'a sandbox'): PlatformError {
  if (cause instanceof PlatformError) return cause;
  return new PlatformError('unavailable', 'sandbox_not_started', `${what} could not be started`, { cause });
}

/** For drivers that give no network: what is not enforced is refused. */
export function refuseNetwork(driver: string, { egress }: SandboxLimits): void {
  if (egress === 'none') return;
  const message = `the ${driver} driver cannot let functions reach the network; use egress "none" or another isolation`;
  throw new PlatformError('unprocessable', 'limit_not_enforced', message);
}
