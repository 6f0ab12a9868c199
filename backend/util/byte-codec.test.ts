import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cases } from '../../tests/support/fuzz.ts';
import { ByteReader, ByteWriter } from './byte-codec.ts';

type Item =
  | { readonly kind: 'varint' | 'signed' | 'double'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string };
const item: fc.Arbitrary<Item> = fc.oneof(
  fc.record({ kind: fc.constant('varint' as const), value: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant('signed' as const), value: fc.integer() }),
  fc.record({ kind: fc.constant('double' as const), value: fc.double() }),
  fc.record({ kind: fc.constant('text' as const), value: fc.string({ unit: 'grapheme' }) }),
);

function write(items: readonly Item[]): Buffer {
  const writer = new ByteWriter(1);
  for (const { kind, value } of items) {
    if (kind === 'text') writer.text(value);
    else writer[kind](value);
  }
  return writer.copy();
}
const read = (reader: ByteReader, kind: Item['kind']) => (kind === 'text' ? reader.text(4096) : reader[kind]());

describe('byte codec', () => {
  test('reads back what was written', () => {
    fc.assert(
      fc.property(fc.array(item), (items) => {
        const reader = new ByteReader(write(items));
        for (const { kind, value } of items) expect(read(reader, kind)).toEqual(value);
        reader.end();
      }),
      cases(),
    );
  });

  test('refuses bytes cut off anywhere', () => {
    fc.assert(
      fc.property(fc.array(item, { minLength: 1 }), fc.nat(), (items, at) => {
        const bytes = write(items);
        const reader = new ByteReader(bytes.subarray(0, at % bytes.length));
        expect(() => {
          for (const { kind } of items) read(reader, kind);
        }).toThrow('damaged');
      }),
      cases(),
    );
  });

  test.each([
    ['a padded number', [0x80, 0x00], (reader: ByteReader) => reader.varint()],
    ['a number of 2^53', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10], (reader: ByteReader) => reader.varint()],
    ['an endless number', new Array(20).fill(0xff), (reader: ByteReader) => reader.varint()],
    ['a signed number over 32 bits', [0x80, 0x80, 0x80, 0x80, 0x10], (reader: ByteReader) => reader.signed()],
    ['text over the limit', [3, 97, 97, 97], (reader: ByteReader) => reader.text(2)],
    ['text that is not UTF-8', [2, 0xc3, 0x28], (reader: ByteReader) => reader.text(10)],
    ['an amount below 0', [0xbf, 0xf0, 0, 0, 0, 0, 0, 0], (reader: ByteReader) => reader.amount()],
    ['an amount of -0', [0x80, 0, 0, 0, 0, 0, 0, 0], (reader: ByteReader) => reader.amount()],
    ['an amount that is no number', [0x7f, 0xf8, 0, 0, 0, 0, 0, 0], (reader: ByteReader) => reader.amount()],
    ['an amount without end', [0x7f, 0xf0, 0, 0, 0, 0, 0, 0], (reader: ByteReader) => reader.amount()],
    ['bytes after the end', [1], (reader: ByteReader) => reader.end()],
  ])('refuses %s', (_name, bytes, act) => {
    expect(() => act(new ByteReader(Buffer.from(bytes)))).toThrow(expect.objectContaining({ code: 'bad_encoding' }));
  });

  test('stays inside its window of a larger buffer', () => {
    const bytes = Buffer.concat([Buffer.from([9]), write([{ kind: 'double', value: 1.5 }]), Buffer.from([9])]);
    const reader = new ByteReader(bytes, 1, 9);
    expect(reader.double()).toBe(1.5);
    reader.end();
    expect(() => reader.byte()).toThrow('too early');
  });

  test.each([
    ['byte', (writer: ByteWriter) => writer.byte(7)],
    ['bytes', (writer: ByteWriter) => writer.bytes(Buffer.from('abcd'))],
    ['text', (writer: ByteWriter) => writer.text('abcd')],
  ])('grows for %s again and again', (_name, write) => {
    const [small, large] = [new ByteWriter(1), new ByteWriter(1024)];
    for (let i = 0; i < 40; i++) {
      write(small);
      write(large);
      expect(small.copy()).toEqual(large.copy());
    }
  });

  test('says what is wrong', () => {
    const message = (bytes: readonly number[], act: (reader: ByteReader) => unknown) => {
      try {
        return act(new ByteReader(Buffer.from(bytes)));
      } catch (error) {
        return (error as Error).message;
      }
    };
    const damaged = (what: string) => `a binary value is damaged: ${what}`;
    expect(message([0x80, 0x00], (reader) => reader.varint())).toBe(damaged('a number is longer than it need be'));
    expect(message(new Array(20).fill(0xff), (reader) => reader.varint())).toBe(damaged('a number is too large'));
    expect(message([0x80, 0x80, 0x80, 0x80, 0x10], (reader) => reader.signed())).toBe(
      damaged('a signed number is too large'),
    );
    expect(message([1, 2, 3], (reader) => reader.double())).toBe(damaged('it ends too early'));
    expect(message([3, 97], (reader) => reader.text(9))).toBe(damaged('it ends too early'));
    expect(message([3, 97, 97, 97], (reader) => reader.text(2))).toBe(damaged('a text is too long'));
    expect(message([2, 0xc3, 0x28], (reader) => reader.text(9))).toBe(damaged('a text is not UTF-8'));
    expect(message([1], (reader) => reader.end())).toBe(damaged('something follows its end'));
    // A byte order mark is a part of the text.
    expect(message([3, 0xef, 0xbb, 0xbf], (reader) => reader.text(9))).toBe('\ufeff');
  });

  test('takes the largest of everything', () => {
    const writer = new ByteWriter(1);
    for (const value of [Number.MAX_SAFE_INTEGER, 0, 127, 128]) writer.varint(value);
    for (const value of [2_147_483_647, -2_147_483_648, -1]) writer.signed(value);
    writer.double(Number.MAX_VALUE);
    writer.double(0);
    writer.text('é');
    writer.bytes(Buffer.from([7, 8]));
    expect(writer.length).toBe(8 + 1 + 1 + 2 + 5 + 5 + 1 + 16 + 3 + 2);
    const reader = new ByteReader(writer.copy());
    expect([reader.varint(), reader.varint(), reader.varint(), reader.varint()]).toEqual([2 ** 53 - 1, 0, 127, 128]);
    expect([reader.signed(), reader.signed(), reader.signed()]).toEqual([2_147_483_647, -2_147_483_648, -1]);
    expect([reader.amount(), reader.amount(), reader.text(2)]).toEqual([Number.MAX_VALUE, 0, 'é']);
    expect(reader.offset).toBe(writer.length - 2);
    expect([reader.byte(), reader.byte()]).toEqual([7, 8]);
    reader.end();
  });

  test('starts over after reset, and copies do not change with it', () => {
    const writer = new ByteWriter();
    writer.byte(1);
    const first = writer.copy();
    writer.reset();
    writer.byte(2);
    expect([first[0], writer.copy()[0], writer.length]).toEqual([1, 2, 1]);
  });
});
