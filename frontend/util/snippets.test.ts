import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cliSnippet, curlSnippet, fetchSnippet, shellQuote } from './snippets.ts';

describe('shellQuote', () => {
  it('survives a real shell, whatever the text', () => {
    const text = fc.string({ unit: 'grapheme-ascii', maxLength: 40 });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 8 }), (texts) => {
        const script = texts.map((part) => `printf '%s\\0' ${shellQuote(part)}`).join('\n');
        expect(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' })).toBe(
          texts.map((part) => `${part}\0`).join(''),
        );
      }),
      { numRuns: 20 },
    );
  });
});

describe('snippets', () => {
  it('leaves out what a call without a body does not need', () => {
    expect(curlSnippet('http://h/f', undefined)).toBe('curl -i http://h/f');
    expect(fetchSnippet('http://h/f', undefined)).not.toContain('POST');
    expect(cliSnippet('f', undefined)).toBe('hearth invoke f');
  });

  it('quotes the event', () => {
    expect(cliSnippet('f', `{"a":"it's"}`)).toBe(`hearth invoke f --data '{"a":"it'\\''s"}'`);
    expect(curlSnippet('http://h/f?a=1&b=2', '{}')).toContain(`'http://h/f?a=1&b=2'`);
  });
});
