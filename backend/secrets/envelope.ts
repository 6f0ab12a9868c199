import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';

/** Where a sealed value belongs. It is authenticated with the value: a row that was moved or exchanged does not open. */
export interface SecretPlace {
  readonly project: string;
  readonly name: string;
  readonly version: number;
}

/** A value under a data key of its own, and that key under the key-encryption key. */
export interface Envelope {
  readonly sealed: Buffer;
  readonly wrappedKey: Buffer;
}

const algorithm = 'aes-256-gcm';
const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;

/** Seals a value with AES-256-GCM under a fresh data key, and wraps that with `kek`. */
export function seal(kek: KeyObject, place: SecretPlace, value: string): Envelope {
  const dataKey = randomBytes(keyBytes);
  const envelope = {
    sealed: encrypt(createSecretKey(dataKey), placeText('value', place), Buffer.from(value)),
    wrappedKey: encrypt(kek, placeText('key', place), dataKey),
  };
  dataKey.fill(0);
  return envelope;
}

/** Throws when the key is another one, or anything was changed. */
export function unseal(kek: KeyObject, place: SecretPlace, { sealed, wrappedKey }: Envelope): string {
  const dataKey = decrypt(kek, placeText('key', place), wrappedKey);
  const value = decrypt(createSecretKey(dataKey), placeText('value', place), sealed);
  dataKey.fill(0);
  return value.toString('utf8');
}

/** The data key under another key-encryption key; the value stays as it is. Throws like `unseal`. */
export function rewrap(from: KeyObject, to: KeyObject, place: SecretPlace, wrappedKey: Buffer): Buffer {
  const dataKey = decrypt(from, placeText('key', place), wrappedKey);
  const wrapped = encrypt(to, placeText('key', place), dataKey);
  dataKey.fill(0);
  return wrapped;
}

/** JSON, so that no two places have the same text. */
function placeText(what: 'value' | 'key', { project, name, version }: SecretPlace): Buffer {
  return Buffer.from(JSON.stringify(['hearth secret', 1, what, project, name, version]));
}

/** 96 random bits of IV (NIST SP 800-38D, 8.2.2), the tag, the ciphertext. Keys see few messages: one, or one per secret. */
function encrypt(key: KeyObject, authenticated: Buffer, plain: Buffer): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv(algorithm, key, iv, { authTagLength: tagBytes });
  cipher.setAAD(authenticated);
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), encrypted]);
}

function decrypt(key: KeyObject, authenticated: Buffer, bytes: Buffer): Buffer {
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes });
  decipher.setAAD(authenticated);
  decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
  return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]);
}
