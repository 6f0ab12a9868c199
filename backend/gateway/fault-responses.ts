import { STATUS_CODES } from 'node:http';
import type { ErrorKind } from '../../shared/errors.ts';
import { PlatformError } from '../../shared/errors.ts';
import type { FunctionFault, InvocationOutcome, PlatformFault } from '../../shared/invocation.ts';

/** What the public gets to see when a call did not end in a response of the function: no type, no message, no stack of user code. */
export interface FaultResponse {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly retryAfterSeconds: number | undefined;
  readonly allow?: readonly string[];
}

/** The gateway's statuses; the control API has its own in `api/error-mapping.ts`. Bad requests of the public are 4xx, the function's faults 502 and 504. */
const statusOfKind: Readonly<Record<ErrorKind, number>> = {
  invalid_request: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  precondition_failed: 412,
  payload_too_large: 413,
  unprocessable: 422,
  throttled: 429,
  internal: 500,
  function_error: 502,
  unavailable: 503,
  timed_out: 504,
  loop_detected: 508,
};

const fault = (status: number, code: string, detail: string, retryAfterSeconds?: number): FaultResponse => ({
  status,
  code,
  detail,
  retryAfterSeconds,
});

/** The answer to a call that is refused before it is an invocation. */
export interface Refusal extends FaultResponse {
  /** For those who count. */
  readonly kind: ErrorKind;
}

export function refusal(kind: ErrorKind, code: string, detail: string, retryAfterSeconds?: number): Refusal {
  return { ...fault(statusOfKind[kind], code, detail, retryAfterSeconds), kind };
}

/** Nothing that is behind the gateway can cause it, so it has no kind. */
export function methodNotAllowed(allow: readonly string[]): FaultResponse {
  return { ...fault(405, 'method_not_allowed', `This path takes ${allow.join(', ')}.`), allow };
}

/** The same codes as in the control API (docs/error-codes.md). */
const functionFaultCodes: Readonly<Record<FunctionFault, string>> = {
  timeout: 'function_timeout',
  'out-of-memory': 'out_of_memory',
  exited: 'function_exited',
  'init-failed': 'init_failed',
  'init-timeout': 'init_timeout',
  'response-too-large': 'response_too_large',
  'bad-response': 'bad_response',
};
const platformFaultCodes: Readonly<Record<PlatformFault, string>> = {
  'sandbox-lost': 'sandbox_lost',
  capacity: 'no_capacity',
  driver: 'driver_failed',
  'shutting-down': 'draining',
  protocol: 'protocol_violation',
};

/** What is unavailable or cannot be processed says in its message which host this is, or quotes user code; these codes do not. */
const publicCodes: ReadonlySet<string> = new Set(['function_disabled']);
const isForOperators = (error: PlatformError): boolean =>
  (error.kind === 'unavailable' || error.kind === 'unprocessable') && !publicCodes.has(error.code);

/** For errors that were thrown before or instead of an invocation. */
export function faultOfError(error: unknown): Refusal {
  if (!(error instanceof PlatformError) || error.kind === 'internal')
    return refusal('internal', 'internal_error', 'Something went wrong in the platform.');
  if (error.kind === 'function_error') return refusal(error.kind, 'function_error', 'The function failed.');
  const detail = isForOperators(error) ? 'The function cannot run right now.' : error.message;
  return refusal(error.kind, error.code, detail, error.retryAfterSeconds);
}

/** For invocations that failed before they answered; undefined for success. */
export function faultOfOutcome(outcome: InvocationOutcome): FaultResponse | undefined {
  switch (outcome.kind) {
    case 'success':
      return undefined;
    case 'function-error':
      return fault(502, 'function_error', 'The function failed.');
    case 'function-fault':
      if (outcome.fault === 'timeout')
        return fault(504, functionFaultCodes.timeout, 'The function did not answer in time.');
      if (outcome.fault === 'init-timeout')
        return fault(504, functionFaultCodes[outcome.fault], 'The function did not start in time.');
      return fault(502, functionFaultCodes[outcome.fault], 'The function failed.');
    case 'platform-fault':
      if (outcome.fault === 'sandbox-lost' || outcome.fault === 'protocol')
        return fault(502, platformFaultCodes[outcome.fault], 'The function failed.');
      return fault(503, platformFaultCodes[outcome.fault], 'The function cannot run right now.', 1);
    case 'cancelled':
      return fault(499, 'cancelled', 'The call was cancelled.');
  }
}

/** An RFC 9457 problem document and its headers: name, value, name, value … */
export function renderFault(
  response: FaultResponse,
  invocationId: string | undefined,
): { readonly headers: readonly string[]; readonly body: string } {
  const body = JSON.stringify({
    type: `urn:hearth:error:${response.code}`,
    title: STATUS_CODES[response.status] ?? 'Client Closed Request',
    status: response.status,
    detail: response.detail,
    code: response.code,
    ...(invocationId === undefined ? {} : { invocationId }),
  });
  const headers = [
    'content-type',
    'application/problem+json',
    'content-length',
    String(Buffer.byteLength(body)),
    'cache-control',
    'no-store',
  ];
  if (invocationId !== undefined) headers.push('hearth-invocation-id', invocationId);
  if (response.retryAfterSeconds !== undefined)
    headers.push('retry-after', String(Math.max(1, Math.ceil(response.retryAfterSeconds))));
  if (response.allow !== undefined) headers.push('allow', response.allow.join(', '));
  return { body, headers };
}
