import { PlatformError } from '../../../../../shared/errors.ts';
import type { Sandbox } from '../../../../core/ports/sandbox.ts';
import { throwIfAborted } from '../start-errors.ts';

export interface GuestStart<Result> {
  readonly sandbox: Pick<Sandbox, 'destroy'> & { readonly lastWords: string };
  /** What is started, for the message. */
  readonly what: string;
  readonly signal: AbortSignal;
  readonly start: () => Promise<Result>;
  /** Errors that name their own fix and go on as they are. */
  readonly isClear: (error: PlatformError) => boolean;
}

/**
 * Resolves with what `start` does. When that fails or is aborted the sandbox is destroyed, and `unavailable`/`sandbox_not_started` has what the guest
 * said last, unless the error is clear by itself.
 */
export async function beginGuest<Result>(options: GuestStart<Result>): Promise<Result> {
  const { sandbox, what, signal } = options;
  const onAbort = (): void => void sandbox.destroy('aborted');
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const result = await options.start();
    throwIfAborted(signal, what);
    return result;
  } catch (cause) {
    const said = sandbox.lastWords || (cause instanceof Error ? cause.message : 'it ended before it began');
    await sandbox.destroy('it could not begin');
    throwIfAborted(signal, what);
    if (cause instanceof PlatformError && options.isClear(cause)) throw cause;
    throw new PlatformError('unavailable', 'sandbox_not_started', `${what} could not be started: ${said}`, { cause });
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
