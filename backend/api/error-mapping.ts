import { z } from 'zod';
import { buildErrorSchema } from '../../shared/api/build-errors.ts';
import type { Problem } from '../../shared/api/paging.ts';
import { type ErrorIssue, type ErrorKind, PlatformError } from '../../shared/errors.ts';

/** The only place that knows HTTP statuses of errors. */
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

export const statusOf = (kind: ErrorKind): number => statusOfKind[kind];

const titleOfStatus: Readonly<Record<number, string>> = {
  400: 'Invalid request',
  401: 'Unauthenticated',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request timeout',
  409: 'Conflict',
  412: 'Precondition failed',
  413: 'Payload too large',
  415: 'Unsupported media type',
  422: 'Unprocessable',
  429: 'Too many requests',
  431: 'Request header too large',
  500: 'Internal error',
  502: 'Function error',
  503: 'Unavailable',
  504: 'Timed out',
  508: 'Loop detected',
};

/** Errors of HTTP itself, which the use cases know nothing of. */
const transportProblems = {
  method_not_allowed: { status: 405, code: 'method_not_allowed' },
  unsupported_media_type: { status: 415, code: 'unsupported_media_type' },
  request_timeout: { status: 408, code: 'request_timeout' },
  header_too_large: { status: 431, code: 'header_too_large' },
} as const;
export type TransportFault = keyof typeof transportProblems;

/** An error of HTTP itself: it has no kind, because nothing behind the API can cause it. */
export class TransportError extends Error {
  readonly fault: TransportFault;
  readonly headers: Readonly<Record<string, string>>;

  constructor(fault: TransportFault, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = 'TransportError';
    this.fault = fault;
    this.headers = headers;
  }
}

export interface MappedError {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
  /** It is ours, and belongs in the log. */
  readonly isBug: boolean;
}

interface FastifyLikeError {
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly message?: unknown;
  readonly validation?: unknown;
}

function problem(status: number, code: string, detail: string, requestId: string, more: object = {}): Problem {
  const type = `urn:hearth:error:${code}`;
  return { type, title: titleOfStatus[status] ?? 'Error', status, detail, code, requestId, ...more };
}

/** The members of `detail` that the problem schema knows; whatever else a part attached stays inside. */
function knownMembers(error: PlatformError): Partial<Problem> {
  const { buildLog, buildErrors, invocationId, type, message, stack } = error.detail;
  const members: { -readonly [K in keyof Problem]?: Problem[K] } = {};
  if (Array.isArray(buildLog)) members.buildLog = buildLog.map(String);
  const places = z.array(buildErrorSchema).min(1).safeParse(buildErrors);
  if (places.success) members.buildErrors = places.data;
  if (typeof invocationId === 'string') members.invocationId = invocationId;
  if (typeof type === 'string' && typeof message === 'string') {
    members.error = { type, message, ...(typeof stack === 'string' ? { stack } : {}) };
  }
  if (error.issues.length > 0)
    members.errors = error.issues.map(({ path, message: text }) => ({ path, message: text }));
  return members;
}

/** `/batch/maxSize` to `batch.maxSize`. */
const dotted = (pointer: string) => pointer.replace(/^\//, '').replaceAll('/', '.');

function validationIssues(validation: unknown): readonly ErrorIssue[] {
  if (!Array.isArray(validation)) return [];
  return validation.slice(0, 50).map((issue: { instancePath?: unknown; message?: unknown }) => ({
    path: dotted(String(issue.instancePath ?? '')).slice(0, 200),
    message: String(issue.message ?? 'invalid').slice(0, 500),
  }));
}

function fromFastify(error: FastifyLikeError): PlatformError | TransportError | undefined {
  const code = typeof error.code === 'string' ? error.code : '';
  if (error.validation !== undefined) {
    const issues = validationIssues(error.validation);
    const [first] = issues;
    const detail = first === undefined ? 'the request is not valid' : `${first.path || 'request'}: ${first.message}`;
    return new PlatformError('invalid_request', 'invalid_input', detail, { issues });
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE' || code === 'FST_INVALID_MULTIPART_CONTENT_TYPE') {
    return new TransportError('unsupported_media_type', 'this content type is not understood here');
  }
  if (error.statusCode === 413) {
    return new PlatformError('payload_too_large', 'payload_too_large', 'the body is larger than this route takes');
  }
  if (code === 'FST_ERR_BAD_URL') {
    return new PlatformError('invalid_request', 'bad_url', 'the path has a bad percent-encoding');
  }
  if (typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500) {
    return new PlatformError('invalid_request', 'bad_request', `the request is not valid: ${String(error.message)}`);
  }
  return undefined;
}

function fromTransport(error: TransportError, requestId: string): MappedError {
  const { status, code } = transportProblems[error.fault];
  return { problem: problem(status, code, error.message, requestId), headers: error.headers, isBug: false };
}

/** Any thrown value as a problem document. What is not ours to show becomes a 500 with nothing but the request's id. */
export function mapError(thrown: unknown, requestId: string): MappedError {
  const known =
    thrown instanceof PlatformError || thrown instanceof TransportError
      ? thrown
      : typeof thrown === 'object' && thrown !== null
        ? fromFastify(thrown)
        : undefined;
  if (known instanceof TransportError) return fromTransport(known, requestId);
  if (known === undefined || known.kind === 'internal') {
    const code = known?.code ?? 'internal_error';
    const detail = `something went wrong on our side; the log has more under request ${requestId}`;
    return { problem: problem(500, code, detail, requestId), headers: {}, isBug: true };
  }
  const status = statusOfKind[known.kind];
  const headers: Record<string, string> = {};
  const waits = known.kind === 'throttled' || known.kind === 'unavailable';
  if (known.retryAfterSeconds !== undefined || waits) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(known.retryAfterSeconds ?? 1)));
  }
  if (known.kind === 'unauthenticated') headers['www-authenticate'] = 'Bearer realm="hearth"';
  if (known.kind === 'payload_too_large') headers['connection'] = 'close';
  return { problem: problem(status, known.code, known.message, requestId, knownMembers(known)), headers, isBug: false };
}

/** The answer to bytes that never became a request, written straight to the socket. */
export function rawTransportProblem(nodeCode: string | undefined): { readonly status: number; readonly body: string } {
  if (nodeCode === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const { status, code } = transportProblems.request_timeout;
    return rawProblem(status, code, 'the request did not arrive in time');
  }
  if (nodeCode === 'HPE_HEADER_OVERFLOW') {
    const { status, code } = transportProblems.header_too_large;
    return rawProblem(status, code, 'the headers are larger than 16 KiB');
  }
  return rawProblem(statusOfKind.invalid_request, 'bad_request', 'this is not valid HTTP/1.1');
}

function rawProblem(status: number, code: string, detail: string) {
  return { status, body: JSON.stringify(problem(status, code, detail, 'none')) };
}

/** Reason phrase for a status line. */
export const titleOf = (status: number): string => titleOfStatus[status] ?? 'Error';
