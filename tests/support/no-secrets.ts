import type { SecretSource } from '../../backend/core/ports/secrets.ts';

/** For parts that are tested without secrets. */
export const noSecrets: SecretSource = { open: () => ({ env: {}, redact: (text) => text }) };
