import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const argon2Promise = promisify(argon2);

/** OWASP Password Storage Cheat Sheet (2024): argon2id with 19 MiB, two passes, one lane. */
const cost = { memory: 19_456, passes: 2, parallelism: 1 };
const saltBytes = 16;
const tagBytes = 32;

interface Parts {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly nonce: Buffer;
  readonly tag: Buffer;
}

function derive(password: string, nonce: Buffer, parameters: Omit<Parts, 'nonce' | 'tag'>): Promise<Buffer> {
  const { memory, passes, parallelism } = parameters;
  // The same characters typed on another keyboard may arrive composed in another way.
  const message = Buffer.from(password.normalize('NFKC'));
  return argon2Promise('argon2id', { message, nonce, memory, passes, parallelism, tagLength: tagBytes });
}

const base64 = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');

/** A PHC string: `$argon2id$v=19$m=…,t=…,p=…$salt$tag`. Costs 19 MiB and a thread of the pool for some 20 ms. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(saltBytes);
  const tag = await derive(password, nonce, cost);
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${base64(nonce)}$${base64(tag)}`;
}

function parse(text: string): Parts | undefined {
  const found = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(
    text,
  );
  if (found === null) return undefined;
  const [memory, passes, parallelism] = found.slice(1, 4).map(Number) as [number, number, number];
  const [nonce, tag] = found.slice(4).map((part) => Buffer.from(part, 'base64')) as [Buffer, Buffer];
  // RFC 9106, 3.1: what argon2 takes.
  const isInRange = passes >= 1 && parallelism >= 1 && memory >= 8 * parallelism && nonce.length >= 8;
  return isInRange ? { memory, passes, parallelism, nonce, tag } : undefined;
}

/** For somebody who is not there or has no password. No password has this hash: it is all zeros. */
const nobody: Parts = { ...cost, nonce: Buffer.alloc(saltBytes), tag: Buffer.alloc(tagBytes) };

/** Undefined, a hash that cannot be read and a wrong password all cost the same time and are all false. */
export async function verifyPassword(hash: string | undefined, password: string): Promise<boolean> {
  const parsed = hash === undefined ? undefined : parse(hash);
  const { nonce, tag, ...parameters } = parsed ?? nobody;
  const found = await derive(password, nonce, parameters);
  return found.length === tag.length && timingSafeEqual(found, tag) && parsed !== undefined;
}
