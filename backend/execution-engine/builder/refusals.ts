import { type ErrorIssue, PlatformError } from '../../../shared/errors.ts';

const shownNameChars = 120;

/** An entry name as it may appear in a message: control characters escaped, cut to a line. */
function showName(name: string): string {
  const text = JSON.stringify(name).slice(1, -1);
  return `"${text.length > shownNameChars ? `${text.slice(0, shownNameChars)}…` : text}"`;
}

/** 400: this entry of the upload cannot be part of a bundle. */
export function entryRefused(name: string, message: string): PlatformError {
  const issue = { path: 'files', message: `${showName(name)}: ${message}` };
  return new PlatformError('invalid_request', 'bundle_entry_refused', `${showName(name)} ${message}`, {
    issues: [issue],
  });
}

/** 400: the upload as a whole is not an archive that can be read. */
export function archiveInvalid(message: string, cause?: unknown): PlatformError {
  return new PlatformError('invalid_request', 'bundle_archive_invalid', message, { cause });
}

/** 400: reading an archive failed with `error`. */
export function archiveUnreadable(extension: string, error: unknown): PlatformError {
  const reason = error instanceof Error ? error.message : String(error);
  return archiveInvalid(`the ${extension} archive cannot be unpacked: ${showName(reason)}; pack it again`, error);
}

/** 413: one of the unpack limits. */
export function bundleTooLarge(message: string): PlatformError {
  return new PlatformError('payload_too_large', 'bundle_too_large', message);
}

/** 422: the upload is well-formed, but does not build. `buildLog` is added to the detail where the log is known. */
export function buildFailed(
  message: string,
  issues: readonly ErrorIssue[] = [],
  cause?: unknown,
  detail: Readonly<Record<string, unknown>> = {},
): PlatformError {
  return new PlatformError('unprocessable', 'build_failed', message, { issues, cause, detail });
}

/** 422: this host lacks what the build needs; the message says what to install. */
export function buildUnavailable(message: string, cause?: unknown): PlatformError {
  return new PlatformError('unprocessable', 'build_unavailable', message, { cause });
}
