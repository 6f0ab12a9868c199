import { PlatformError } from '../../../shared/errors.ts';
import type { InvocationOutcome } from '../../../shared/invocation.ts';
import type { OpenedSecrets } from '../../core/ports/secrets.ts';

type Redact = OpenedSecrets['redact'];

/** The outcome without values of secrets in what the function said; the same object when it said nothing. */
export function redactOutcome(outcome: InvocationOutcome, redact: Redact): InvocationOutcome {
  if (outcome.kind === 'success') return outcome;
  if (outcome.kind !== 'function-error') return { ...outcome, message: redact(outcome.message) };
  const { type, message, stack } = outcome;
  return { ...outcome, type: redact(type, true), message: redact(message, true), stack: redact(stack, true) };
}

/** The same for a start that failed: what the function said is in message and detail. */
export function redactStartError(error: unknown, redact: Redact): unknown {
  if (!(error instanceof PlatformError)) return error;
  const { kind, code, retryAfterSeconds, cause } = error;
  const detail = Object.fromEntries(
    Object.entries(error.detail).map(([name, value]) => [
      name,
      typeof value === 'string' ? redact(value, true) : value,
    ]),
  );
  return new PlatformError(kind, code, redact(error.message, true), {
    detail,
    cause,
    issues: error.issues,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}
