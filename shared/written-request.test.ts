import { describe, expect, it } from 'vitest';
import { headLine, requestObstacle, targetOf, type WrittenHead } from './written-request.ts';

const head: WrittenHead = { method: 'GET', path: '/', headers: [] };

describe('a written request', () => {
  it.each([
    ['/a b?q=ä&x=%20+', '/a%20b?q=%C3%A4&x=%20+'],
    ['/a?b#part', '/a?b'],
    ['/\ud800', '/%EF%BF%BD'],
  ])('%j travels as %j', (typed, target) => expect(targetOf(typed)).toBe(target));

  it('is one line, and the body follows', () => {
    const headers = [['X-A', '"\\']] as const;
    expect(headLine({ ...head, method: 'POST', path: '/ä', headers })).toBe(
      '{"method":"POST","target":"/%C3%A4","headers":[["X-A","\\"\\\\"]]}\n',
    );
  });

  it.each<[Partial<WrittenHead>, RegExp | undefined]>([
    [{}, undefined],
    [
      {
        method: 'PROPFIND',
        path: '/größe',
        headers: [
          ['Authorization', 'Bearer é'],
          ['Host', 'a'],
        ],
      },
      undefined,
    ],
    [{ method: 'get' }, /in capitals/],
    [{ path: 'a' }, /begins with/],
    [{ path: '' }, /begins with/],
    [{ path: `/${'a'.repeat(16_384)}` }, /longer than/],
    [{ headers: [['', 'x']] }, /has no name/],
    [{ headers: [['a b', 'x']] }, /a b is no name of a header/],
    [{ headers: [['X-A', 'a\nb']] }, /The value of X-A/],
    [{ headers: [['X-A', 'Ā']] }, /The value of X-A/],
    [{ headers: Array.from({ length: 201 }, () => ['x', ''] as const) }, /more than 200/],
    [{ headers: [['Transfer-Encoding', 'chunked']] }, /Transfer-Encoding belongs to one connection/],
    [{ headers: [['Expect', '100-continue']] }, /Expect is answered by the platform/],
    [{ headers: [['Content-Length', '1']] }, /follows from the body/],
    [{ headers: [['HEARTH-Caller', 'x']] }, /the platform's own/],
    [{ headers: [['X-Forwarded-For', 'x']] }, /set by the platform/],
  ])('%j: %s', (change, obstacle) => {
    const found = requestObstacle({ ...head, ...change });
    if (obstacle === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(obstacle);
  });
});
