import type { Problem } from '../../shared/api/paging.ts';

/** What went wrong with a request, in the words that the dashboard shows. */
export interface ServerError {
  /** One sentence. */
  readonly message: string;
  /** The stable code of the problem document, or one of `network`, `aborted`, `bad_answer`. */
  readonly code: string;
  readonly status: number;
  /** What to do about it, when more can be said than the message does. */
  readonly action: string | undefined;
  readonly fields: readonly { readonly path: string; readonly message: string }[];
  readonly buildLog: readonly string[];
  /** What the function threw, when it was the function that failed. */
  readonly thrown: Problem['error'] | undefined;
  readonly requestId: string | undefined;
  readonly invocationId: string | undefined;
}

/** A request that was not answered with success. */
export class ApiError extends Error {
  readonly status: number;
  readonly problem: Problem | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, problem: Problem | undefined, options: { readonly retryAfterSeconds?: number } = {}) {
    super(problem?.detail ?? `The platform answered ${status}.`);
    this.name = 'ApiError';
    this.status = status;
    this.problem = problem;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

const actions: Readonly<Record<number, string>> = {
  401: 'Sign in again with a valid token.',
  403: 'Ask an owner for the role that may do this, or use a token with a wider scope.',
  409: 'Reload to see the present state, then decide again.',
  412: 'Somebody changed it meanwhile: reload, then make your change again.',
  500: 'This is a defect of the platform: look at its log for the request id.',
};

function actionFor(error: ApiError): string | undefined {
  if (error.retryAfterSeconds !== undefined) return `Try again in ${error.retryAfterSeconds} s.`;
  return actions[error.status];
}

function fromApiError(error: ApiError): ServerError {
  const problem = error.problem;
  // What follows the first line is laid out, such as the source with a mark below it.
  const [first = '', ...laidOut] = error.message.split('\n');
  const buildLog = problem?.buildLog ?? [];
  return {
    message: sentence(first),
    code: problem?.code ?? 'bad_answer',
    status: error.status,
    action: actionFor(error),
    fields: problem?.errors ?? [],
    buildLog: buildLog.length > 0 ? buildLog : laidOut,
    thrown: problem?.error,
    requestId: problem?.requestId,
    invocationId: problem?.invocationId,
  };
}

function sentence(text: string): string {
  const trimmed = text.trim();
  // A file or a field keeps its name.
  const isName = /^[\w/-]+[.:/]\S/.test(trimmed);
  const first = isName ? trimmed : trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}

/** The one place that turns whatever a request threw into something to show. */
export function processServerError(error: unknown): ServerError {
  if (error instanceof ApiError) return fromApiError(error);
  const isAborted = error instanceof DOMException && error.name === 'AbortError';
  const isNetwork = error instanceof TypeError;
  let message = 'Something unexpected went wrong in the dashboard.';
  if (isAborted) message = 'The request was cancelled.';
  else if (isNetwork) message = 'The platform does not answer.';
  else if (error instanceof Error) message = sentence(error.message);
  return {
    message,
    code: isAborted ? 'aborted' : isNetwork ? 'network' : 'unexpected',
    status: 0,
    action: isNetwork ? 'Check that Hearth is running and reachable from this browser.' : undefined,
    fields: [],
    buildLog: [],
    thrown: undefined,
    requestId: undefined,
    invocationId: undefined,
  };
}
