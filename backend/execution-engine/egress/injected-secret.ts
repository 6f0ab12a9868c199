import type { EgressSecretHost } from '../../../shared/egress.ts';
import type { SecretReader } from '../../core/ports/secrets.ts';

/** A header, or why there is none. */
export type InjectedHeader = { readonly name: string; readonly value: string } | { readonly problem: string };

/** The header with a secret, as it is now. What is wrong with a secret is said without it. */
export function injectedHeader(rule: EgressSecretHost, project: string, secrets: SecretReader): InjectedHeader {
  const value = readQuietly(project, rule.secret, secrets);
  if (value === undefined) return { problem: `the secret ${rule.secret} cannot be read` };
  // Visible characters, spaces and tabs within: what every server takes for a value (RFC 9110, 5.5).
  if (!/^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(value))
    return {
      problem: `the secret ${rule.secret} cannot be a header: it has line breaks or characters that are not ASCII`,
    };
  return { name: rule.header.toLowerCase(), value: rule.prefix + value };
}

function readQuietly(project: string, name: string, secrets: SecretReader): string | undefined {
  try {
    return secrets.read(project, name);
  } catch {
    return undefined;
  }
}
