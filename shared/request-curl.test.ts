import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { curlOf, shellQuote } from './request-curl.ts';

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

describe('curlOf', () => {
  const request = { method: 'GET', url: 'http://h/a?b=1', headers: [], body: '', isBase64Encoded: false };

  /** What a shell hands to a curl that only says what it was given, and what that finds on stdin. */
  const run = (command: string) => {
    const curl = `curl() { for a; do printf '<%s>' "$a"; done; case "$*" in *@-*) printf '|'; cat;; esac; }\n`;
    return execFileSync('/bin/bash', ['-c', curl + command], { encoding: 'latin1' });
  };

  it('says method, address and headers, but not what curl says by itself', () => {
    const headers = [
      ['host', 'h'],
      ['content-length', '3'],
      ['x-forwarded-for', '::1'],
      ['x-a', "it's $HOME"],
      ['x-empty', ''],
    ].map(([name = '', value = '']) => ({ name, value }));
    expect(run(curlOf({ ...request, headers }))).toBe("<-i><http://h/a?b=1><-H><x-a: it's $HOME><-H><x-empty;>");
    expect(run(curlOf({ ...request, method: 'HEAD' }))).toBe('<-i><-I><http://h/a?b=1>');
    expect(run(curlOf({ ...request, method: 'DELETE' }))).toBe('<-i><-X><DELETE><http://h/a?b=1>');
  });

  it('sends text as it is, and bytes through a pipe', () => {
    const post = { ...request, method: 'POST', body: '@file\n"a"' };
    expect(run(curlOf(post))).toBe('<-i><http://h/a?b=1><--data-raw><@file\n"a">');
    expect(run(curlOf({ ...post, method: 'PUT' }))).toContain('<-X><PUT>');
    const bytes = { ...post, body: Buffer.from([0, 255, 10]).toString('base64'), isBase64Encoded: true };
    expect(run(curlOf(bytes))).toBe('<-i><http://h/a?b=1><--data-binary><@->|\0\u00ff\n');
    expect(run(curlOf({ ...post, body: 'a\0ä' }))).toMatch(/@->\|a\0Ã¤$/);
  });
});
