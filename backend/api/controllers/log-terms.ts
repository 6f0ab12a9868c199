import { PlatformError } from '../../../shared/errors.ts';
import { type LogFilterTerms, parseLogFilter } from '../../../shared/log-filter.ts';

/** What a filter says. Throws `invalid_request`/`bad_filter`. */
export function logTerms(filter: string | undefined): LogFilterTerms | undefined {
  if (filter === undefined) return undefined;
  const parsed = parseLogFilter(filter);
  if (parsed.isValid) return parsed.terms;
  throw badFilter(parsed.message);
}

export function badFilter(message: string): PlatformError {
  return new PlatformError('invalid_request', 'bad_filter', `filter: ${message}`, {
    issues: [{ path: 'filter', message }],
  });
}
