import type { ChildProcess } from 'node:child_process';

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** Where there never was a process. */
  readonly error: Error | undefined;
}

/** Resolves when a process has ended, or when there turns out to be none. To be called in the turn in which it was spawned; from then on its errors are heard. */
export function endOf(child: ChildProcess): Promise<ProcessEnd> {
  return new Promise((resolve) => {
    child.on('error', (error) => {
      // Without a process there will be no exit event.
      if (child.pid === undefined) resolve({ code: null, signal: null, error });
    });
    child.once('exit', (code, signal) => resolve({ code, signal, error: undefined }));
  });
}

/** As far as this process has been told. */
export function isRunning({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}
