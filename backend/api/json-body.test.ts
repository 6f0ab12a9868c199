import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cases } from '../../tests/support/fuzz.ts';
import { checkJsonBytes, parseJson } from './json-body.ts';
import { jsonErrorPosition } from './json-position.ts';

describe('positions of JSON errors', () => {
  test.each([
    ['{\n "name": oops }', 11],
    ['{"a":1,}', 7],
    ['[1 2]', 3],
    ['"abc', 4],
    ['"a\nb"', 2],
    ['"\\x"', 2],
    ['{"a" 1}', 5],
    ['01', 1],
    ['[}', 1],
    ['1 1', 2],
    ['', 0],
    ['{"a":', 5],
    ['nul', 0],
    ['"abc\\', 5],
    ['"\\u00e9" x', 9],
    ['"\\u00g9"', 2],
    ['"\\u00e"', 2],
    ['-', 0],
    ['[1,2', 4],
    ['{"a":[1}', 7],
    ['{,}', 1],
    ['{1}', 1],
    [' true false', 6],
  ])('%j at %i', (text, position) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(jsonErrorPosition(text)).toBe(position);
  });

  test('valid JSON has no error before its end, whatever it is', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(jsonErrorPosition(text)).toBe(text.length);
      }),
      { seed: 1, ...cases() },
    );
  });

  test('cutting valid JSON short: the error is at the cut or V8 takes it too', () => {
    const nested = fc.json().map((text) => `{"k":[${text}]}`);
    fc.assert(
      fc.property(nested, fc.nat(), (text, at) => {
        const cut = text.slice(0, at % text.length);
        expect(jsonErrorPosition(cut)).toBeLessThanOrEqual(cut.length);
        expect(() => JSON.parse(cut)).toThrow();
      }),
      { seed: 2, ...cases() },
    );
  });

  test('a position that is found is where V8 stops when it says where', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.constantFrom('}', ']', ',', ':', 'x', '"', '\u0000'), (text, at, junk) => {
        const offset = at % (text.length + 1);
        const broken = text.slice(0, offset) + junk + text.slice(offset);
        let message = '';
        try {
          JSON.parse(broken);
        } catch (error) {
          message = (error as Error).message;
        }
        const said = /at position (\d+)/.exec(message)?.[1];
        if (said !== undefined) expect(Math.abs(jsonErrorPosition(broken) - Number(said))).toBeLessThanOrEqual(6);
      }),
      { seed: 3, ...cases(500) },
    );
  });
});

describe('what may not come in', () => {
  test('depth, prototypes, syntax', () => {
    expect(() => parseJson(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)).toThrow(/nested deeper/);
    expect(() => parseJson('{"a":[{"__proto__":1}]}')).toThrow(/__proto__/);
    expect(() => parseJson('{"\\u005f_proto__":1}')).toThrow(/__proto__/);
    expect(() => parseJson('{"constructor":{"prototype":1}}')).toThrow(/constructor/);
    expect(parseJson('{"constructor":"a name"}')).toEqual({ constructor: 'a name' });
    expect(() => parseJson('{"a":}')).toThrow('position 5 (line 1, column 6)');
    expect(() => parseJson('')).toThrow(/empty/);
    expect(() => parseJson('{"a":\n[1}')).toThrow('position 8 (line 2, column 3)');
    expect(() => parseJson('{"a":1')).toThrow('it ends too early, after 6 characters');
    for (const scalar of [null, 1, 'x', [null]]) expect(parseJson(JSON.stringify(scalar))).toEqual(scalar);
    expect(parseJson(`${'['.repeat(64)}${']'.repeat(64)}`)).toBeDefined();
    expect(() => parseJson(`${'['.repeat(65)}${']'.repeat(65)}`)).toThrow('deeper than 64 levels');
    expect(parseJson('{"constructor":null,"prototype":{"x":1}}')).toBeDefined();
  });

  test('bytes that are no UTF-8, or begin with a mark of their order', () => {
    checkJsonBytes(Buffer.from('{"é":[]}'), 'the event');
    for (const [bytes, message] of [
      [Buffer.from([0x22, 0xff, 0x22]), 'the event is not text in UTF-8'],
      [Buffer.from('\ufeff{}'), 'the event is not valid JSON: unexpected content at position 0'],
      [Buffer.from(' '), 'the event is not valid JSON: it is empty'],
    ] as const)
      expect(() => checkJsonBytes(bytes, 'the event')).toThrow(message);
  });
});
