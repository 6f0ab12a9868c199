import { PlatformError } from '../../../../../shared/errors.ts';

const codes: readonly unknown[] = ['ENOSPC', 'EDQUOT'];
/** What programs say of the same (strerror(3)). */
const words = /no space left on device|disk quota exceeded/i;
const retryAfterSeconds = 30;

/**
 * The error as it may cross the port: `unavailable`/`guest_disk_full` with the folder and what to do when the disk, or the user's share of it, is full;
 * any other as it is. `what` could not be written.
 */
export function explainDiskFull(error: unknown, what: string, directory: string): unknown {
  if (!isDiskFull(error)) return error;
  const message = `${what} could not be written: the disk of ${directory} is full; free space there, or choose another run directory (HEARTH_RUN_DIR)`;
  return new PlatformError('unavailable', 'guest_disk_full', message, { cause: error, retryAfterSeconds });
}

function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && codes.includes(error.code)) return true;
  if ('stderr' in error && words.test(String(error.stderr))) return true;
  return error.cause !== undefined && isDiskFull(error.cause);
}
