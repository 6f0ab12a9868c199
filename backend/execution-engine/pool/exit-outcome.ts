import type { InvocationOutcome } from '../../../shared/invocation.ts';
import type { ExitReport } from '../../core/ports/sandbox.ts';

/** What the end of a sandbox means for the calls that were in it. */
export function outcomeOfExit(report: ExitReport, memoryMb: number): InvocationOutcome {
  if (report.outOfMemory) {
    return {
      kind: 'function-fault',
      fault: 'out-of-memory',
      message: `used more than ${memoryMb} MB; raise memoryMb or use less`,
    };
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
