import { PlatformError } from '../../../../../shared/errors.ts';
import type { ExitReport } from '../../../../core/ports/sandbox.ts';
import { decodeStatus } from '../exit-status.ts';
import type { TextTail } from '../text-tail.ts';

/** What a guest's init told of its agent's end. */
export interface GuestExit {
  readonly status: number;
  readonly oomKills: number;
}

/** `heapExhausted`: the runtime has said that its own heap was full. */
export function reportOfGuest(exit: GuestExit, heapExhausted: boolean, reason: string | undefined): ExitReport {
  const ending = decodeStatus(exit.status);
  const gaveUp = heapExhausted && ending.code !== 0;
  return { ...ending, outOfMemory: exit.oomKills > 0 || gaveUp, reason };
}

/** What explains a microVM's end best: its kernel or init on the console, else what its VMM complained about, else the console's last line. */
export function lastWordsOf(console: TextTail, complaints: TextTail): string {
  return console.lastLine(/hearth:|panic|BUG|Oops/) || complaints.lastLine() || console.lastLine();
}

/** Rejects with `unavailable`/`guest_hung` and `message` when `work` takes longer than `patienceMs`. */
export async function beforeHanging(work: Promise<void>, patienceMs: number, message: string): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new PlatformError('unavailable', 'guest_hung', message)), patienceMs);
  try {
    await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
