import { PlatformError } from '../../../../shared/errors.ts';

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new PlatformError('unavailable', 'aborted', 'starting a sandbox was aborted');
}

/** Any failure on the way to a sandbox as one that may cross the port. */
export function asPlatformError(cause: unknown): PlatformError {
  if (cause instanceof PlatformError) return cause;
  return new PlatformError('unavailable', 'sandbox_not_started', 'a sandbox could not be started', { cause });
}
