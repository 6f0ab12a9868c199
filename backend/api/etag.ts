import { PlatformError } from '../../shared/errors.ts';

/** The entity tag of a revision. */
export const etagOf = (revision: number): string => `"${revision}"`;

/**
 * The revision in `If-Match`; undefined when there is no header or it is `*`. Throws `invalid_request`/`bad_if_match`, and
 * `precondition_failed`/`etag_mismatch` for a tag that cannot be one of ours.
 */
export function expectedRevision(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  const tag = /^\s*(?:W\/)?"([^"]{0,64})"\s*$/.exec(ifMatch)?.[1];
  if (tag === undefined) {
    throw new PlatformError('invalid_request', 'bad_if_match', 'If-Match takes one ETag in quotes, as it was answered');
  }
  if (!/^[0-9]{1,15}$/.test(tag)) {
    throw new PlatformError('precondition_failed', 'etag_mismatch', 'it has another ETag; read it again');
  }
  return Number(tag);
}
