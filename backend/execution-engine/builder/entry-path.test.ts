import { posix } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PlatformError } from '../../../shared/errors.ts';
import { cases } from '../../../tests/support/fuzz.ts';
import { parseEntryPath } from './entry-path.ts';

const limits = { maxPathBytes: 512, maxDepth: 32 };

test.each([
  ['', 'has no name'],
  ['../x', 'points outside'],
  ['a/../../x', 'points outside'],
  ['a/..', 'points outside'],
  ['/etc/passwd', 'absolute'],
  ['C:/x', 'drive letter'],
  ['c:x', 'drive letter'],
  ['./C:x', 'drive letter'],
  ['.//./z:', 'drive letter'],
  ['a\u007fb', 'control character'],
  ['\u001f', 'control character'],
  [`${'é'.repeat(127)}xx`, 'a part longer than 255 bytes'],
  [`${'a/'.repeat(32)}b`, 'nested deeper than 32 folders'],
  [`${'é'.repeat(100)}/${'é'.repeat(100)}/${'é'.repeat(55)}x`, 'longer than 512 bytes'],
  ['a\\..\\b', 'backslash'],
  ['a\0b', 'control character'],
  ['a\nb', 'control character'],
  ['\ud800', 'not valid Unicode'],
  ['a/'.repeat(40), 'nested deeper'],
  ['x'.repeat(300), 'a part longer'],
  ['ab/'.repeat(200), 'longer than 512'],
])('refuses %j and says why', (name, reason) => {
  expect(() => parseEntryPath(name, limits)).toThrow(reason);
});

test.each([
  ['index.mjs', 'index.mjs'],
  ['./src/index.mjs', 'src/index.mjs'],
  ['src//a.js', 'src/a.js'],
  ['src/', 'src'],
  ['.', ''],
  ['__proto__', '__proto__'],
  ['...', '...'],
  ['a..b/c', 'a..b/c'],
  ['CC:/x', 'CC:/x'],
  ['a/C:x', 'a/C:x'],
  ['1:x', '1:x'],
  [`${'é'.repeat(127)}x/`, `${'é'.repeat(127)}x`],
  [`${'a/'.repeat(31)}b`, `${'a/'.repeat(31)}b`],
  [
    `${'é'.repeat(100)}/${'é'.repeat(100)}/${'é'.repeat(55)}`,
    `${'é'.repeat(100)}/${'é'.repeat(100)}/${'é'.repeat(55)}`,
  ],
  [`./${'a/'.repeat(31)}b//`, `${'a/'.repeat(31)}b`],
  ['Grüße/日本.txt', 'Grüße/日本.txt'],
])('reads %j as %j', (name, path) => {
  expect(parseEntryPath(name, limits)).toBe(path);
});

test('whatever is accepted stays inside and is stable', () => {
  const part = fc.constantFrom('a', '..', '.', '', 'b c', '\\', '/', 'C:', '\0', '~', 'é');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(part).map((parts) => parts.join('/')),
        fc.string({ unit: 'binary' }),
      ),
      (name) => {
        let path: string;
        try {
          path = parseEntryPath(name, limits);
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
          expect((error as PlatformError).kind).toBe('invalid_request');
          return;
        }
        const resolved = posix.resolve('/bundle', path);
        expect(resolved === '/bundle' || resolved.startsWith('/bundle/')).toBe(true);
        expect(posix.normalize(path === '' ? '.' : path)).toBe(path === '' ? '.' : path);
        if (path !== '') expect(parseEntryPath(path, limits)).toBe(path);
      },
    ),
    cases(2000),
  );
});

test('an entry without a name is of the caller’s making', () => {
  expect(() => parseEntryPath('', limits)).toThrow(
    expect.objectContaining({ kind: 'invalid_request', code: 'bundle_entry_refused' }),
  );
});
