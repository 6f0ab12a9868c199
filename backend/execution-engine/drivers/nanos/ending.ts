import { constants } from 'node:os';
import type { ExitReport } from '../../../core/ports/sandbox.ts';
import { decodeStatus } from '../support/exit-status.ts';

/** What is known of a unikernel whose QEMU has ended. */
export interface UnikernelEnding {
  /** Of the jail: QEMU's own, or 128 and the signal that ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** From the console. */
  readonly programSignal: number | undefined;
  readonly ranOutOfMemory: boolean;
  readonly isShuttingDown: boolean;
  /** The runtime has said that its own heap was full. */
  readonly heapExhausted: boolean;
  /** Killed by the control group of QEMU. */
  readonly oomKills: number;
  /** Why it was destroyed, if it was. */
  readonly reason: string | undefined;
  /** QEMU or its jail wrote something: it could not run, or no longer. */
  readonly vmmComplained: boolean;
  /** What QEMU complained about, or the kernel said last. */
  readonly lastWords: string;
}

/** QEMU ends with this when it cannot run; as the status of a program it would stand for 0. */
const vmmFailed = 1;
/** SIGABRT, SIGKILL, SIGSEGV, SIGTERM as statuses; each is also what a program's 67, 68, 69, 71 looks like. */
const hostSignals: ReadonlySet<number> = new Set([134, 137, 139, 143]);

/**
 * The exit report. QEMU's device for exits makes `status * 2 + 1` of the program's status and keeps 8 bits (hw/misc/debugexit.c), so statuses from 128 on lose 128.
 */
export function reportOfUnikernel(ending: UnikernelEnding): ExitReport {
  const { code, reason } = ending;
  const outOfMemory = ending.oomKills > 0;
  if (code === null || (hostSignals.has(code) && !ending.isShuttingDown)) {
    const by = code === null ? { code, signal: ending.signal } : decodeStatus(code);
    const killed = `the unikernel was killed: ${ending.lastWords}`;
    // Whoever destroys it kills the jail, which has no code then.
    return { ...by, outOfMemory, reason: code === null ? (reason ?? killed) : killed };
  }
  if (ending.programSignal !== undefined) {
    const name = Object.entries(constants.signals).find(([, number]) => number === ending.programSignal)?.[0];
    const gaveUp = ending.heapExhausted || ending.ranOutOfMemory;
    return { code: null, signal: name ?? null, outOfMemory: outOfMemory || gaveUp, reason };
  }
  const isProgram = code % 2 === 1 && (code !== vmmFailed || ending.isShuttingDown || !ending.vmmComplained);
  const status = isProgram ? (code - 1) / 2 : code;
  const ranOut = status !== 0 && (ending.ranOutOfMemory || ending.heapExhausted);
  const failed = !isProgram && status !== 0 && reason === undefined;
  return {
    code: status,
    signal: null,
    outOfMemory: outOfMemory || ranOut,
    reason: failed ? `the unikernel ended: ${ending.lastWords}` : reason,
  };
}
