import type { InvocationOutcome } from '../../../shared/invocation.ts';
import type { ExitReport } from '../../core/ports/sandbox.ts';

/**
 * What the end of a sandbox means for the calls that were in it. `lastWord` is how its agent left the platform, where the sandbox was
 * removed for that: the report may still say how the process ended by itself, or that the sandbox was lost for another reason.
 */
export function outcomeOfExit(report: ExitReport, memoryMb: number, lastWord?: string): InvocationOutcome {
  if (report.outOfMemory) {
    return {
      kind: 'function-fault',
      fault: 'out-of-memory',
      message: `used more than ${memoryMb} MB; raise memoryMb or use less`,
    };
  }
  if (report.reason !== undefined && report.reason === lastWord) {
    const isOurs = report.code === null && (report.signal === null || removalSignals.has(report.signal));
    return { kind: 'function-fault', fault: 'exited', message: isOurs ? lastWord : describeExit(report) };
  }
  if (report.reason !== undefined) {
    return {
      kind: 'platform-fault',
      fault: 'sandbox-lost',
      message: `the sandbox was removed while the call ran: ${report.reason}`,
      retryable: true,
    };
  }
  return { kind: 'function-fault', fault: 'exited', message: describeExit(report) };
}

/** What removing a sandbox ends it with. */
const removalSignals: ReadonlySet<string> = new Set(['SIGKILL', 'SIGTERM']);

function describeExit(report: ExitReport): string {
  if (report.signal !== null) return `the process was ended by ${report.signal}`;
  if (report.code !== null) return `the process exited with code ${report.code} before it answered`;
  return 'the process ended before it answered';
}

/** The outcome of calls that the end of the platform cuts off. */
export const shutdownOutcome: InvocationOutcome = {
  kind: 'platform-fault',
  fault: 'shutting-down',
  message: 'the platform is shutting down',
  retryable: true,
};
