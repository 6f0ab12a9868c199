import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseJson } from './json-body.ts';
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
  ])('%j at %i', (text, position) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(jsonErrorPosition(text)).toBe(position);
  });

  test('valid JSON has no error before its end, whatever it is', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(jsonErrorPosition(text)).toBe(text.length);
      }),
      { seed: 1 },
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
      { seed: 2 },
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
      { seed: 3, numRuns: 500 },
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
  });
});
