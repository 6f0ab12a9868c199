import type { FastifyRequest } from 'fastify';
import type { FunctionId } from '../../../shared/ids.ts';
import type { InMemoryFunctionDirectory } from '../../control-plane/function-directory.ts';
import type { LogScope } from '../../core/ports/log-sink.ts';
import { functionNameIn, projectOfRequest } from '../caller.ts';
import { badFilter, logTerms } from './log-terms.ts';

/**
 * Whose lines a request asks for. What the filter says about the function is settled here: it has to be there, and to be the
 * one of the path. Throws `invalid_request`/`bad_filter`, `not_found`/`function_not_found`.
 */
export function logScope(
  directory: InMemoryFunctionDirectory,
  request: FastifyRequest,
  functionId: FunctionId | undefined,
  filter: string | undefined,
): LogScope {
  const project = projectOfRequest(request);
  const terms = logTerms(filter);
  const name = terms?.functionName;
  if (name === undefined) return { project, functionId, terms };
  const named = directory.get(functionNameIn(request, name)).record.id;
  if (functionId !== undefined && named !== functionId) {
    throw badFilter(
      `fn: is another function than the one of the path; ask for ${JSON.stringify(name)} among all functions`,
    );
  }
  return { project, functionId: named, terms };
}

/** The same for lines as they come. */
export function followedScope(...asked: Parameters<typeof logScope>): LogScope {
  const scope = logScope(...asked);
  if (scope.terms?.status === undefined) return scope;
  throw badFilter('status: is known when a call is over, so it cannot choose lines as they come');
}
