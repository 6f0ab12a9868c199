import type { BuildFailure } from './api/builds.ts';
import type { Problem } from './api/paging.ts';

/** The problem document that whoever waited for a build would have got when nothing came of it. `id`: of the build, `log`: what it said. */
export function buildProblem(
  id: string,
  { status, code, message, errors, buildErrors }: BuildFailure,
  log: readonly string[],
): Problem {
  return {
    type: `urn:hearth:error:${code}`,
    title: 'Build failed',
    status,
    detail: message,
    code,
    requestId: id,
    errors,
    buildErrors,
    buildLog: [...log],
  };
}
