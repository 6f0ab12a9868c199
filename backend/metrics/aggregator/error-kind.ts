import type { InvocationOutcome } from '../../../shared/invocation.ts';

/**
 * The name under which an attempt counts as an error, or undefined when it is none: `function-error`, the fault, or
 * `http-5xx` for a success whose function chose such a status. A cancelled call is no error of the function.
 */
export function errorKindOf(outcome: InvocationOutcome, httpStatus: number | undefined): string | undefined {
  switch (outcome.kind) {
    case 'success':
      return httpStatus !== undefined && httpStatus >= 500 ? 'http-5xx' : undefined;
    case 'cancelled':
      return undefined;
    case 'function-error':
      return 'function-error';
    case 'function-fault':
    case 'platform-fault':
      return outcome.fault;
  }
}
