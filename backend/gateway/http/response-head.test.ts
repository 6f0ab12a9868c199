import { expect, test } from 'vitest';
import { type ResponseHeadOptions, responseHead } from './response-head.ts';

const nowMs = Date.UTC(2030, 0, 1, 12, 0, 0, 999);
const date = 'Date: Tue, 01 Jan 2030 12:00:00 GMT\r\n';
const head = (over: Partial<ResponseHeadOptions> = {}) =>
  responseHead({ status: 200, headers: [], nowMs, isChunked: false, keepAliveSeconds: undefined, ...over });

test('a head has the status, the headers as they are, and the time', () => {
  expect(head({ headers: ['X-A', '1', 'x-b', 'é', 'odd'] })).toBe(
    `HTTP/1.1 200 OK\r\nX-A: 1\r\nx-b: é\r\n${date}Connection: close\r\n\r\n`,
  );
  expect(head({ status: 299 })).toMatch(/^HTTP\/1\.1 299 unknown\r\n/);
  expect(head({ nowMs: nowMs + 1 })).toContain('Date: Tue, 01 Jan 2030 12:00:01 GMT\r\n');
});

test('the time of the function is kept', () => {
  expect(head({ headers: ['DATE', 'today'] })).toBe('HTTP/1.1 200 OK\r\nDATE: today\r\nConnection: close\r\n\r\n');
  expect(head({ headers: ['dat', 'x'] })).toContain(date);
});

test('it says how the body travels, and how long the connection stays', () => {
  expect(head({ isChunked: true, keepAliveSeconds: 5 })).toBe(
    `HTTP/1.1 200 OK\r\n${date}Transfer-Encoding: chunked\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n`,
  );
});

test.each([
  ['x', 'a\r\nx-evil: 1'],
  ['x', 'a\nb'],
  ['x', '\r'],
  ['x\r\ny', 'a'],
  ['x\n', 'a'],
])('nobody writes another header with %j: %j', (name, value) => {
  expect(() => head({ headers: [name, value] })).toThrow('line break');
});
