import { PlatformError } from '../../shared/errors.ts';
import type { InvocationId } from '../../shared/ids.ts';
import type { FunctionFault, InvocationOutcome, Usage } from '../../shared/invocation.ts';
import { cancelMessage } from '../core/cancel-signal.ts';
import type { Invocation, InvocationReport } from '../core/invocation.ts';
import { FailedStart, type InstanceResult, type Lease, type StartPhases } from '../core/ports/instance-pool.ts';
import type { Run } from './run.ts';

const noUsage: Usage = { cpuMs: 0, peakMemoryBytes: 0, requestBytes: 0, responseBytes: 0 };

/** The report of an attempt that ran in an instance. */
export function reportOfResult(run: Run, lease: Lease, result: InstanceResult, nowMs: number): InvocationReport {
  const { startedMs, handlerMs } = result;
  const acquireMs = Math.max(0, startedMs - run.admittedMs);
  return {
    outcome: result.outcome,
    start: lease.start,
    instanceId: lease.instance.id,
    httpStatus: result.httpStatus,
    timing: {
      queuedMs: run.admittedMs - run.enteredMs,
      acquireMs,
      ...partsOfWait(lease.phases, acquireMs),
      firstByteMs: result.firstByteMs,
      handlerMs,
      flushMs: Math.max(0, nowMs - startedMs - handlerMs),
      totalMs: nowMs - run.enteredMs,
    },
    usage: {
      cpuMs: result.cpuMs,
      peakMemoryBytes: result.peakMemoryBytes,
      requestBytes: result.requestBytes,
      responseBytes: result.responseBytes,
    },
  };
}

const stillStarting = 'the instance was still starting at the deadline of the call; a longer timeoutMs waits for it';
const warmParts = { bootMs: 0, loadMs: 0, initMs: 0 };

/** What of an instance's start fell into the time that this call waited: another call, or configuration, may have begun it. */
function partsOfWait({ bootMs, loadMs, initMs }: StartPhases, waitMs: number): typeof warmParts {
  if (bootMs === 0 && loadMs === 0 && initMs === 0) return warmParts;
  const init = Math.min(initMs, waitMs);
  const boot = Math.min(bootMs, waitMs - init);
  return { initMs: init, bootMs: boot, loadMs: Math.min(loadMs, waitMs - init - boot) };
}

/** The report of an attempt that never reached an instance; `phases` are those of the start that it waited for, if it did. */
export function reportWithoutInstance(
  run: Run,
  outcome: InvocationOutcome,
  nowMs: number,
  phases?: StartPhases,
): InvocationReport {
  const admittedMs = run.load === undefined ? nowMs : run.admittedMs;
  const report = onlyWaited(outcome, admittedMs - run.enteredMs, nowMs - admittedMs);
  if (phases === undefined) return report;
  const { timing } = report;
  return { ...report, timing: { ...timing, ...partsOfWait(phases, timing.acquireMs) } };
}

/** Of the start that failed, if that is what `acquire` rejected with. */
export function phasesOfError(error: unknown): StartPhases | undefined {
  return error instanceof FailedStart ? error.phases : undefined;
}

/** The report of a call that waited for another one that was the same, and left before that was over. */
export function withoutAnswer(invocation: Invocation, outcome: InvocationOutcome, nowMs: number): InvocationReport {
  return onlyWaited(outcome, nowMs - invocation.enteredAt, 0);
}

/** The report of a call that got the response of another one: all that it did was wait. */
export function answeredByAnother(
  invocation: Invocation,
  answeredBy: InvocationId,
  { outcome, httpStatus }: InvocationReport,
  nowMs: number,
): InvocationReport {
  return { ...withoutAnswer(invocation, outcome, nowMs), httpStatus, answeredBy };
}

function onlyWaited(outcome: InvocationOutcome, queuedMs: number, acquireMs: number): InvocationReport {
  return {
    outcome,
    start: 'none',
    instanceId: undefined,
    httpStatus: undefined,
    timing: {
      queuedMs,
      acquireMs,
      bootMs: 0,
      loadMs: 0,
      initMs: 0,
      firstByteMs: 0,
      handlerMs: 0,
      flushMs: 0,
      totalMs: queuedMs + acquireMs,
    },
    usage: noUsage,
  };
}

/**
 * Waiting ended before there was an instance: `cancelled` when the caller is gone, else platform-fault `capacity`. The function has not
 * run, so this is no `timeout` of the function, although the caller's deadline is what ended the wait. `isStarting`: an instance was on its way.
 */
export function outcomeOfWait(run: Run, isStarting = false): InvocationOutcome {
  if (run.signal.aborted) return { kind: 'cancelled', message: cancelMessage(run.signal) };
  return {
    kind: 'platform-fault',
    fault: 'capacity',
    message: isStarting ? stillStarting : 'no instance became free before the deadline of the call',
    retryable: true,
  };
}

/** Ends of a start that have names of their own; any other is a start that failed. */
const acquireFaults: Readonly<Record<string, FunctionFault>> = {
  out_of_memory: 'out-of-memory',
  init_timeout: 'init-timeout',
};

/** What `acquire` rejected with, as an outcome: the version's own fault, or the platform's. */
export function outcomeOfAcquireError(error: PlatformError): InvocationOutcome {
  if (error.kind === 'function_error') {
    return { kind: 'function-fault', fault: acquireFaults[error.code] ?? 'init-failed', message: error.message };
  }
  if (error.code === 'draining') {
    return { kind: 'platform-fault', fault: 'shutting-down', message: error.message, retryable: true };
  }
  const fault = error.code === 'capacity' ? 'capacity' : 'driver';
  return { kind: 'platform-fault', fault, message: error.message, retryable: true };
}

export function asPlatformError(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  return new PlatformError('internal', 'unexpected', 'something unexpected happened; the platform log says what', {
    cause: error,
  });
}
