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

const bytesOfBit = (bytes: Buffer, bit: number): Buffer => {
  const changed = Buffer.from(bytes);
  const at = bit % (8 * bytes.length);
  changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7));
  return changed;
};
const places = fc.record({
  project: fc.string({ unit: 'grapheme', maxLength: 12 }),
  name: fc.string({ unit: 'grapheme', maxLength: 12 }),
  version: fc.nat(),
});
const parts = fc.constantFrom('sealed', 'wrappedKey');

it('is opened by nothing but itself: not with any bit turned, a byte more or less, nor at any other place', () => {
  const change = fc.record({ part: parts, bit: fc.nat(), extra: fc.uint8Array({ minLength: 1, maxLength: 40 }) });
  fc.assert(
    fc.property(places, places, fc.string({ unit: 'grapheme', maxLength: 60 }), change, (own, other, value, how) => {
      const envelope = seal(kek, own, value);
      const bytes = envelope[how.part];
      const changes = [
        bytesOfBit(bytes, how.bit),
        bytes.subarray(0, how.bit % bytes.length),
        Buffer.concat([bytes, how.extra]),
      ];
      for (const changed of changes) expect(() => unseal(kek, own, { ...envelope, [how.part]: changed })).toThrow();
      const isSame = own.project === other.project && own.name === other.name && own.version === other.version;
      if (!isSame) expect(() => unseal(kek, other, envelope)).toThrow();
      expect(unseal(kek, own, envelope)).toBe(value);
    }),
    cases(),
  );
});

it('is AES-256-GCM as the library of WebCrypto does it, over the place as JSON', async () => {
  const raw = kek.export();
  const opened = async (key: Buffer, what: string, { project, name, version }: typeof place, bytes: Buffer) => {
    const usable = await crypto.subtle.importKey('raw', new Uint8Array(key), 'AES-GCM', false, ['decrypt']);
    const additionalData = new TextEncoder().encode(JSON.stringify(['hearth secret', 1, what, project, name, version]));
    // WebCrypto has the tag behind the text.
    const [iv, tag, text] = [bytes.subarray(0, 12), bytes.subarray(12, 28), bytes.subarray(28)].map(
      (part) => new Uint8Array(part),
    ) as [Uint8Array<ArrayBuffer>, Uint8Array, Uint8Array];
    const data = new Uint8Array([...text, ...tag]);
    return Buffer.from(await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData }, usable, data));
  };
  await fc.assert(
    fc.asyncProperty(places, fc.string({ unit: 'grapheme', maxLength: 60 }), async (own, value) => {
      const { sealed, wrappedKey } = seal(kek, own, value);
      const dataKey = await opened(raw, 'key', own, wrappedKey);
      expect((await opened(dataKey, 'value', own, sealed)).toString()).toBe(value);
    }),
    cases(50),
  );
});
