import { describe, expect, it } from 'vitest';
import { envText, parseEnv, withVariables } from './env-text.ts';

describe('parseEnv', () => {
  it('reads what stands in .env files', () => {
    const text = [
      ...['# comment', 'A=1', 'export B = two words', 'C="line\\nbreak"', "D='single \\n'", 'E=', 'F=a=b', ''],
      ...['  G=1 # why', 'H=ab#cd', 'I= # nothing', 'J="a # b" # c', "K='x", '', "L='a\"b'"],
    ].join('\r\n');
    expect(parseEnv(text)).toEqual({
      env: {
        ...{ A: '1', B: 'two words', C: 'line\nbreak', D: 'single \\n', E: '', F: 'a=b' },
        ...{ G: '1', H: 'ab#cd', I: '', J: 'a # b', K: "'x", L: 'a"b' },
      },
      error: undefined,
    });
  });

  it('takes values of several lines in quotes, and counts their lines', () => {
    const text = 'KEY="-----BEGIN-----\nabc\\"d\n-----END-----"\nCERT=\'a\nb\'\n2=x';
    expect(parseEnv(text)).toEqual({
      env: { KEY: '-----BEGIN-----\nabc"d\n-----END-----', CERT: 'a\nb' },
      error: 'line 6: expected NAME=value',
    });
  });

  it('names the line that it does not understand, and the name that comes twice', () => {
    expect(parseEnv('A=1\n2B=3').error).toBe('line 2: expected NAME=value');
    expect(parseEnv('A=1\nB=2\n\nexport A=3').error).toBe('line 4: A is on line 1 already');
  });

  it('keeps text in quotes that is no JSON string', () =>
    expect(parseEnv('A="C:\\dir"').env).toEqual({ A: 'C:\\dir' }));
});

describe('envText', () => {
  it.each([
    ...[
      '',
      ' ',
      'a b',
      ' a',
      'a ',
      '"',
      "'",
      '"a"',
      "'a'",
      '#',
      ' #',
      'a #b',
      'a#b',
      '\\',
      '\\n',
      'a\\',
      '"a',
      '=',
      'a=b',
    ],
    ...[
      'a\nb',
      'a\r\nb',
      '\r',
      '\t',
      '\u0001',
      '\ud800',
      'é😀',
      '\u2028',
      "it's",
      'C:\\dir\\new',
      '$A ${B}',
      '"\n#',
      '__=\n"',
    ],
  ])('reads %j back, among others', (value) => {
    const env = { BEFORE: value, B: value, AFTER: 'x' };
    expect(parseEnv(envText(env))).toEqual({ env, error: undefined });
  });

  it('takes others in, which win over those of the same name', () =>
    expect(withVariables('A=1\nB=2 # old', { B: 'x y', C: ' #' })).toBe('A=1\nB=x y\nC=" #"'));
});
