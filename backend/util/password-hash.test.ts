import { argon2Sync } from 'node:crypto';
import { expect, test } from 'vitest';
import { hashPassword, verifyPassword } from './password-hash.ts';

test('takes the right password alone, whatever way its letters were put together', async () => {
  const hash = await hashPassword('correct horse é');
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[^$]{22}\$[^$]{43}$/);
  expect(await verifyPassword(hash, 'correct horse é'.normalize('NFD'))).toBe(true);
  expect(await verifyPassword(hash, 'correct horse e')).toBe(false);
  expect(await hashPassword('correct horse é')).not.toBe(hash);
});

test('agrees with the reference implementation', async () => {
  // A vector of its own tests (test.c, version 0x13).
  const hash = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
  expect(await verifyPassword(hash, 'password')).toBe(true);
});

test.each([
  [8, 1, 1],
  [8, 10, 1],
  [80, 1, 10],
])('takes hashes of other costs: m=%i, t=%i, p=%i', async (memory, passes, parallelism) => {
  const nonce = Buffer.from('somesalt');
  const options = { message: 'password', nonce, memory, passes, parallelism };
  const text = (tagLength: number) => {
    const [salt, tag] = [nonce, argon2Sync('argon2id', { ...options, tagLength })].map((bytes) =>
      bytes.toString('base64').replace(/=+$/, ''),
    );
    return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${salt}$${tag}`;
  };
  expect(await verifyPassword(text(32), 'password')).toBe(true);
  for (const wrong of [`x${text(32)}`, `${text(32)}$`, text(16), text(33)])
    expect(await verifyPassword(wrong, 'password')).toBe(false);
});

test.each([
  undefined,
  '',
  'plain',
  '$argon2i$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAA',
  '$argon2id$v=19$m=19456,t=2,p=1$$',
  // What argon2 itself refuses.
  ...['m=7,t=1,p=1', 'm=15,t=1,p=2', 'm=8,t=0,p=1', 'm=8,t=1,p=0'].map(
    (cost) => `$argon2id$v=19$${cost}$AAAAAAAAAAA$AAAA`,
  ),
  '$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAA$AAAA',
])('nothing matches the hash %j', async (hash) => {
  expect(await verifyPassword(hash, '')).toBe(false);
  expect(await verifyPassword(hash, 'password')).toBe(false);
});
