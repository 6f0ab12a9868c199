import { type KeyObject, verify } from 'node:crypto';
import type { JwtAlgorithm, JwtAuth } from '../../../shared/caller-auth.ts';

const maxTokenChars = 16_384;
const defaultAlgorithms: readonly JwtAlgorithm[] = ['RS256', 'ES256', 'EdDSA'];
const defaultToleranceSeconds = 30;

export interface JwtParts {
  readonly algorithm: JwtAlgorithm;
  readonly keyId: string | undefined;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

function jsonObject(base64url: string): Readonly<Record<string, unknown>> | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(base64url)) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(base64url, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Takes a compact JWS (RFC 7515) apart. A text says what is wrong; nothing in it is believed yet. */
export function parseJwt(auth: JwtAuth, token: string): JwtParts | string {
  if (token.length > maxTokenChars) return 'the token is too long';
  const parts = token.split('.');
  const [head = '', payload = '', signature = ''] = parts;
  const header = jsonObject(head);
  const claims = jsonObject(payload);
  if (parts.length !== 3 || header === undefined || claims === undefined || !/^[A-Za-z0-9_-]+$/.test(signature)) {
    return 'it is no JSON Web Token';
  }
  // RFC 7515, 4.1.11: what a `crit` header names must be understood, and we understand no extension.
  if ('crit' in header) return 'it asks for an extension';
  const allowed: readonly string[] = auth.algorithms ?? defaultAlgorithms;
  const algorithm = header['alg'];
  if (typeof algorithm !== 'string' || !allowed.includes(algorithm)) return 'its algorithm is not allowed';
  const keyId = header['kid'];
  return {
    algorithm: algorithm as JwtAlgorithm,
    keyId: typeof keyId === 'string' ? keyId : undefined,
    claims,
    signed: Buffer.from(`${head}.${payload}`),
    signature: Buffer.from(signature, 'base64url'),
  };
}

/** The curve that an algorithm is defined for (RFC 7518, 3.4). */
const curves: Readonly<Partial<Record<JwtAlgorithm, string>>> = {
  ES256: 'prime256v1',
  ES384: 'secp384r1',
  ES512: 'secp521r1',
};

/** Whether a key may be used with an algorithm at all: its kind, curve and size. */
export function fitsAlgorithm(key: KeyObject, algorithm: JwtAlgorithm): boolean {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (key.type !== 'public') return false;
  if (algorithm === 'EdDSA') return type === 'ed25519' || type === 'ed448';
  if (algorithm.startsWith('ES')) return type === 'ec' && details?.namedCurve === curves[algorithm];
  return type === 'rsa' && Number(details?.modulusLength) >= 2048;
}

/** RFC 7518, 3.1 and RFC 8037. */
export function isSignedBy({ algorithm, signed, signature }: JwtParts, key: KeyObject): boolean {
  if (!fitsAlgorithm(key, algorithm)) return false;
  if (algorithm === 'EdDSA') return verify(null, signed, key, signature);
  const hash = `sha${algorithm.slice(2)}`;
  if (algorithm.startsWith('ES')) return verify(hash, signed, { key, dsaEncoding: 'ieee-p1363' }, signature);
  // The constants of OpenSSL: 1 is PKCS#1 v1.5, 6 is PSS; -1 is a salt as long as the digest.
  const padding = algorithm.startsWith('PS') ? { padding: 6, saltLength: -1 } : { padding: 1 };
  return verify(hash, signed, { key, ...padding }, signature);
}

/** OpenID Connect Core 1.0, 2. One that is cut off could be somebody else's. */
const maxSubjectChars = 255;

/** What is wrong with the claims of a token that is well signed; undefined when nothing is. `now` is Clock.now. */
export function claimFault(auth: JwtAuth, claims: JwtParts['claims'], now: number): string | undefined {
  const tolerance = auth.clockToleranceSeconds ?? defaultToleranceSeconds;
  const seconds = now / 1000;
  const { iss, aud, exp, nbf, sub } = claims;
  if (iss !== auth.issuer) return 'another issuer';
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.some((one) => typeof one === 'string' && auth.audience.includes(one))) return 'another audience';
  if (typeof exp !== 'number' || !Number.isFinite(exp)) return 'it does not say when it ends';
  if (exp + tolerance <= seconds) return 'it is over';
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf - tolerance <= seconds)) return 'it is not good yet';
  if (sub !== undefined && !(typeof sub === 'string' && sub.length <= maxSubjectChars)) return 'it names nobody';
  return undefined;
}
