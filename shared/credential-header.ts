/** Words of names whose values are credentials, or lead to them. */
const credentialWord =
  /(?:^|[-_])(?:authorization|cookies?|tokens?|secrets?|passwords?|passwd|pwd|jwt|credentials?|sessions?|session-?id|csrf|xsrf|api-?keys?|x-auth)(?:$|[-_])/;
/** `x-functions-key`, `access_key`. */
const endsInKey = /(?:^|[-_])key$/;
const harmlessKeys: ReadonlySet<string> = new Set([
  'idempotency-key',
  'x-idempotency-key',
  'surrogate-key',
  'cache-key',
  'sec-websocket-key',
]);

/** Whether what has this name, in lower case, may be a credential. */
export function isCredentialName(name: string): boolean {
  return credentialWord.test(name) || (endsInKey.test(name) && !harmlessKeys.has(name));
}

/** Whether a header, in any case, may hold a credential: such values are not stored without being asked for. */
export function isCredentialHeader(name: string): boolean {
  return isCredentialName(name.toLowerCase());
}
