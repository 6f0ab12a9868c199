import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { childOf, type JsonNode, type JsonPath, parseJsonText, withoutValue, withValue } from './json-text.ts';

/** What a text holds, told from the nodes alone. */
function valueIn(text: string, node: JsonNode): unknown {
  if (node.kind === 'scalar') return JSON.parse(text.slice(node.start, node.end));
  if (node.kind === 'array') return node.items.map((item) => valueIn(text, item));
  return Object.fromEntries(node.members.map(({ key, value }) => [key, valueIn(text, value)]));
}

const json = fc.jsonValue({ maxDepth: 4 });
const spaced = fc
  .tuple(json, fc.constantFrom(0, 1, 2, '\t'))
  .map(([value, space]) => JSON.stringify(value, null, space));

describe('parseJsonText', () => {
  it('finds every part of any JSON where it stands', () => {
    fc.assert(
      fc.property(spaced, (text) => {
        const padded = ` \r\n${text}\n`;
        const node = parseJsonText(padded);
        expect(node && valueIn(padded, node)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('refuses what is no JSON, and what is nested too deep', () => {
    for (const text of ['', '{"a":1,}', '[1 2]', "{'a':1}"]) expect(parseJsonText(text)).toBeUndefined();
    expect(parseJsonText('['.repeat(100) + ']'.repeat(100))).toBeDefined();
    expect(parseJsonText('['.repeat(50_000) + ']'.repeat(50_000))).toBeUndefined();
  });

  it('takes the last of members with one name, as readers of JSON do', () => {
    const text = '{"a":1,"a":2}';
    expect(childOf(parseJsonText(text), 'a')).toMatchObject({ start: 11, end: 12 });
    expect(withValue(text, ['a'], '3')).toBe('{"a":1,"a":3}');
    expect(childOf(parseJsonText('{"0":1}'), 0)).toBeUndefined();
  });
});

const large = '{ "id": 12345678901234567890,\n    "rate":1.10, "in": {"a" : [1,\n 2]} }';

describe('withValue', () => {
  it.each<[string, string, JsonPath, string, string]>([
    ['changes one value and no other byte', large, ['rate'], '2.50', large.replace('1.10', '2.50')],
    ['in a list', large, ['in', 'a', 1], '"x"', large.replace(' 2]', ' "x"]')],
    ['adds a member beside others', '{"a":1,"b":2}', ['c'], '3', '{"a":1,"b":2,"c":3}'],
    ['laid out as they are', '{\n  "a": 1\n}', ['b'], '2', '{\n  "a": 1,\n  "b": 2\n}'],
    ['with their colons', '{ "a" : 1 }', ['b'], '2', '{ "a" : 1, "b" : 2 }'],
    ['adds the first one', '{}', ['a'], '1', '{\n  "a": 1\n}'],
    ['adds an entry', '{"a": [1, 2]}', ['a', 2], '3', '{"a": [1, 2, 3]}'],
    ['adds the first entry', '{"a": []}', ['a', 0], '3', '{"a": [\n  3\n]}'],
    ['makes what is on the way', '{\n  "x": 0\n}', ['a', 'b'], '1', '{\n  "x": 0,\n  "a": {\n    "b": 1\n  }\n}'],
    ['replaces what is in the way', '{"a": 7}', ['a', 'b'], '1', '{"a": {\n  "b": 1\n}}'],
    ['replaces a list where an object is named', '[1]', ['a'], '1', '{\n  "a": 1\n}'],
    ['replaces everything', ' [1]\n', [], '{}', ' {}\n'],
    ['indents what has lines', '{\n  "a": 1\n}', ['a'], '{\n  "b": 2\n}', '{\n  "a": {\n    "b": 2\n  }\n}'],
    ['keeps odd names', '{"a\\"": 1}', ['__proto__'], '2', '{"a\\"": 1,"__proto__": 2}'],
    ['leaves alone what is no JSON', '{"a":', ['a'], '1', '{"a":'],
  ])('%s', (_what, text, path, raw, expected) => {
    expect(withValue(text, path, raw)).toBe(expected);
  });

  it('sets what is then read, in any JSON', () => {
    const step = fc.oneof(fc.constantFrom('a', 'b', '"'), fc.constant(0));
    fc.assert(
      fc.property(spaced, fc.array(step, { maxLength: 4 }), json, (text, path, value) => {
        const changed = withValue(text, path, JSON.stringify(value, null, 2));
        const node = path.reduce<JsonNode | undefined>(childOf, parseJsonText(changed));
        expect(node && valueIn(changed, node)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe('withoutValue', () => {
  it.each<[string, string, JsonPath, string]>([
    ['the first', '{ "a": 1, "b": 2 }', ['a'], '{ "b": 2 }'],
    ['one between', '{\n  "a": 1,\n  "b": 2,\n  "c": 3\n}', ['b'], '{\n  "a": 1,\n  "c": 3\n}'],
    ['the last', '{\n  "a": 1,\n  "b": 2\n}', ['b'], '{\n  "a": 1\n}'],
    ['the only one', '{ "a": [ 1 ] }', ['a', 0], '{ "a": [] }'],
    ['nothing that is not there', '{"a":1}', ['b', 'c'], '{"a":1}'],
    ['never all', '{"a":1}', [], '{"a":1}'],
  ])('%s', (_what, text, path, expected) => {
    expect(withoutValue(text, path)).toBe(expected);
  });

  it('takes back what was added', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), json, (value, added) => {
        const text = JSON.stringify(value, null, 2);
        const key = `${Object.keys(value).join('')}+`;
        const back = withoutValue(withValue(text, [key], JSON.stringify(added)), [key]);
        expect(JSON.parse(back)).toEqual(JSON.parse(text));
      }),
    );
  });
});
