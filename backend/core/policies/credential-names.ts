import { isCredentialHeader, isCredentialName } from '../../../shared/credential-header.ts';

/** Signed addresses are credentials; signatures of bodies, which webhooks have in headers, are none. */
const signedAddress = /^(?:sig|signature|x-(?:amz|goog|ms)-signature)$/;

/** Stands for a value that was left out. */
export const leftOut = 'redacted';

/** Whether a parameter of a query, as it was sent, may hold a credential: also `accessToken` and `client%5Fsecret`. */
export function isCredentialParameter(rawName: string): boolean {
  const name = decoded(rawName)
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    // `user[password]`.
    .replace(/[[\].]+/g, '-')
    .replace(/-$/, '');
  return isCredentialName(name) || signedAddress.test(name);
}

/** What was left out. */
export interface LeftOut {
  readonly names: readonly string[];
  /** As they were sent. */
  readonly values: readonly string[];
}

/** A target or URL without credentials in its query. */
export function withoutQueryCredentials(target: string): LeftOut & { readonly target: string } {
  const queryAt = target.indexOf('?');
  const names: string[] = [];
  const values: string[] = [];
  if (queryAt === -1) return { target, names, values };
  const parts = target.slice(queryAt + 1).split('&');
  const clean = parts.map((part) => {
    const equals = part.indexOf('=');
    const name = equals === -1 ? part : part.slice(0, equals);
    if (equals === -1 || !isCredentialParameter(name)) return part;
    names.push(decoded(name));
    values.push(part.slice(equals + 1));
    return `${name}=${leftOut}`;
  });
  const isClean = names.length === 0;
  return { target: isClean ? target : `${target.slice(0, queryAt)}?${clean.join('&')}`, names, values };
}

/** Headers whose values are addresses, which may have credentials in their query. */
const addressHeaders: ReadonlySet<string> = new Set(['referer', 'location', 'content-location']);

/** A list of headers (name, value, name, value …) without those that hold credentials. */
export function withoutCredentialHeaders(
  headers: readonly string[],
): LeftOut & { readonly headers: readonly string[] } {
  const kept: string[] = [];
  const names: string[] = [];
  const values: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? '';
    const value = headers[i + 1] ?? '';
    if (isCredentialHeader(name)) {
      names.push(name.toLowerCase());
      values.push(value);
    } else kept.push(name, addressHeaders.has(name.toLowerCase()) ? withoutQueryCredentials(value).target : value);
  }
  return { headers: kept, names: [...new Set(names)], values };
}

/** Shorter values are words that a text is full of. */
const minHiddenChars = 6;

/** Takes values that were left out, and their parts (`Bearer …`, cookies), out of a text that may repeat them, as it is and in JSON. */
export function hiderOf(values: readonly string[]): (text: string) => string {
  const parts = values.flatMap((value) => {
    const pieces = value.split(/[;,\s]+/);
    return [value, decoded(value), ...pieces, ...pieces.map((piece) => piece.slice(piece.indexOf('=') + 1))];
  });
  const forms = new Set(parts.flatMap((part) => [part, JSON.stringify(part).slice(1, -1)]));
  const longest = [...forms].filter(({ length }) => length >= minHiddenChars).sort((a, b) => b.length - a.length);
  return (text) => longest.reduce((clean, form) => clean.replaceAll(form, leftOut), text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
