import { describe, expect, it } from 'vitest';
import { cliSnippet, curlSnippet, fetchSnippet } from './snippets.ts';

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
