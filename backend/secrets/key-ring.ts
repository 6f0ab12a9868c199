import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { PlatformError } from '../../shared/errors.ts';

/** A key that wraps data keys. The id names it in the database and says nothing about it. */
export interface KeyEncryptionKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** The first wraps; the others only open what they wrapped earlier. */
export type KeyRing = readonly [KeyEncryptionKey, ...KeyEncryptionKey[]];

const keyBytes = 32;

function keyOf(bytes: Buffer): KeyEncryptionKey {
  const id = createHmac('sha256', bytes).update('hearth key id').digest('hex').slice(0, 16);
  return { id, key: createSecretKey(bytes) };
}

/** A new random key. */
export const newKey = (): KeyEncryptionKey => keyOf(randomBytes(keyBytes));

/** As it is written into a file. */
export const keyText = ({ key }: KeyEncryptionKey): string => key.export().toString('base64url');

/**
 * Keys from a text: 32 bytes each in base64 or hex, separated by commas or white space, the one that wraps first. Throws
 * `invalid_request`/`bad_secrets_key`, naming `where` and never the text.
 */
export function parseKeys(text: string, where: string): KeyRing {
  const [first, ...rest] = text
    .split(/[\s,]+/)
    .filter((word) => word !== '')
    .map((word) => parseKey(word, where));
  if (first === undefined) throw badKey(where, 'it holds no key');
  return [first, ...rest];
}

function parseKey(word: string, where: string): KeyEncryptionKey {
  const isHex = /^[0-9a-f]{64}$/i.test(word);
  const isBase64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(word);
  if (!isHex && !isBase64) throw badKey(where, 'a key in it is not 32 bytes in base64 or hex');
  return keyOf(Buffer.from(word, isHex ? 'hex' : 'base64url'));
}

function badKey(where: string, why: string): PlatformError {
  const message = `${where} cannot be used as the key of secrets: ${why}; \`openssl rand -base64 32\` makes a good one`;
  return new PlatformError('invalid_request', 'bad_secrets_key', message);
}
