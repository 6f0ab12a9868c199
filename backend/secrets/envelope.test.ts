import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cases } from '../../tests/support/fuzz.ts';
import { rewrap, seal, unseal } from './envelope.ts';
import { newKey } from './key-ring.ts';

const kek = newKey().key;
const place = { project: 'shop', name: 'DB', version: 3 };

it('opens what it sealed, and seals the same value differently each time', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (value) => {
      const one = seal(kek, place, value);
      expect(unseal(kek, place, one)).toBe(value);
      expect(seal(kek, place, value).sealed.equals(one.sealed)).toBe(false);
    }),
    cases(),
  );
});

it('opens nowhere else: another project, name or version, as when rows are exchanged', () => {
  const envelope = seal(kek, place, 'value');
  for (const other of [{ project: 'other' }, { name: 'DB2' }, { version: 4 }])
    expect(() => unseal(kek, { ...place, ...other }, envelope)).toThrow();
  // The text that is authenticated must not be the same for other borders between the parts.
  const shifted = seal(kek, { project: 'a","b', name: 'c', version: 1 }, 'value');
  expect(() => unseal(kek, { project: 'a', name: 'b","c', version: 1 }, shifted)).toThrow();
});

it('does not open with another key, or after a change of any byte', () => {
  const envelope = seal(kek, place, 'value');
  expect(() => unseal(newKey().key, place, envelope)).toThrow();
  for (const part of ['sealed', 'wrappedKey'] as const) {
    for (let at = 0; at < envelope[part].length; at++) {
      const changed = Buffer.from(envelope[part]);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => unseal(kek, place, { ...envelope, [part]: changed })).toThrow();
    }
    expect(() => unseal(kek, place, { ...envelope, [part]: envelope[part].subarray(0, 20) })).toThrow();
  }
});

it('turns to another key without touching the value', () => {
  const next = newKey().key;
  const { sealed, wrappedKey } = seal(kek, place, 'value');
  const wrapped = rewrap(kek, next, place, wrappedKey);
  expect(unseal(next, place, { sealed, wrappedKey: wrapped })).toBe('value');
  expect(() => unseal(kek, place, { sealed, wrappedKey: wrapped })).toThrow();
  expect(() => rewrap(next, kek, place, wrappedKey)).toThrow();
});

it('opens what earlier releases stored', () => {
  const stored = {
    sealed: Buffer.from('X0bEXSqwEftLegupmqAdFWFkzWKGD5AOnMbpvsV2P37+hjyi6Q==', 'base64'),
    wrappedKey: Buffer.from(
      'uCjwK4J+vKmP+6DRCLrjsfc6QJA6Zi8CYvU9TwY3N7ceK/rk1mApxIcYH9/WtGW3rYvqZTp0O+b/vWNH',
      'base64',
    ),
  };
  expect(unseal(createSecretKey(Buffer.alloc(32, 7)), place, stored)).toBe('pässword');
});

it('takes no tag that is shorter, though its bytes are the right ones', () => {
  const { sealed, wrappedKey } = seal(kek, place, '');
  expect(unseal(kek, place, { sealed, wrappedKey })).toBe('');
  for (const tagBytes of [0, 4, 8, 12, 15])
    expect(() => unseal(kek, place, { sealed: sealed.subarray(0, 12 + tagBytes), wrappedKey })).toThrow();
});
