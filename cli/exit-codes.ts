import type { Problem } from '../shared/api/paging.ts';

/** What a script can tell from the exit status; docs/cli.md has the same list. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  auth: 3,
  notFound: 4,
  conflict: 5,
  functionError: 6,
  timeout: 7,
  unavailable: 8,
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command: what is wrong, and what to do about it. Never a raw stack trace. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;
  readonly problem: Problem | undefined;
  /** The function of the request that was refused. */
  readonly functionName: string | undefined;

  constructor(
    exitCode: ExitCode,
    message: string,
    options: { readonly hint?: string; readonly problem?: Problem; readonly functionName?: string | undefined } = {},
  ) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
    this.hint = options.hint;
    this.problem = options.problem;
    this.functionName = options.functionName;
  }
}

/** The exit status of an answer of the API. */
export function exitCodeOfStatus(status: number, code: string): ExitCode {
  if (status === 401 || status === 403) return exitCodes.auth;
  if (status === 404) return exitCodes.notFound;
  if (status === 409 || status === 412) return exitCodes.conflict;
  if (status === 504 || code === 'timed_out') return exitCodes.timeout;
  if (status === 502) return exitCodes.functionError;
  if (status === 429 || status === 503) return exitCodes.unavailable;
  if (status === 400 || status === 422) return exitCodes.usage;
  return exitCodes.failure;
}
