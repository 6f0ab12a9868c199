/**
 * The end of the name of a test or group that `skipIf` may skip: run-vitest.ts lists it as the reason, and fails what is skipped without
 * one. Inside a test, `context.skip(condition, reason)` does the same.
 */
export function skippedFor(reason: string | undefined): string {
  return reason === undefined || reason === '' ? '' : ` (skipped: ${reason.replaceAll(/\s+/g, ' ')})`;
}
