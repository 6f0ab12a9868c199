import { expect, test } from 'vitest';
import { checkHead } from './response-head.ts';

const meta = (status: number, headers: string[] = []) => ({
  status,
  headers,
  event: false,
  cpuMs: 0,
  peakMemoryBytes: 0,
  background: false,
});
const headers = (count: number) => Array.from({ length: count }, (_, i) => [`x-${i}`, 'v']).flat();
const refused = (message: string) => ({ ok: false, message: expect.stringContaining(message) });

test.each([200, 204, 404, 599])('status %i is passed on with its headers', (status) => {
  const given = ['Content-Type', 'text/plain', 'X-A', 'obs \xff\ttext'];
  expect(checkHead(meta(status, given))).toEqual({
    ok: true,
    head: { status, headers: given, isEventResult: false },
    contentLength: undefined,
  });
});

test.each([0, 100, 101, 199, 600, 1000])('status %i is refused', (status) => {
  expect(checkHead(meta(status))).toEqual(refused(`status ${status} is not between`));
});

test('101 is for who asked for a WebSocket, and nothing else below 200', () => {
  expect(checkHead(meta(101), true)).toMatchObject({ ok: true, head: { status: 101 } });
  for (const status of [100, 102, 199, 600]) expect(checkHead(meta(status), true).ok).toBe(false);
});

test('there are at most 100 headers of 16 KiB', () => {
  expect(checkHead(meta(200, headers(100))).ok).toBe(true);
  expect(checkHead(meta(200, headers(101)))).toEqual(refused('101 headers; at most 100'));
  expect(checkHead(meta(200, ['x', 'y'.repeat(16_383)])).ok).toBe(true);
  expect(checkHead(meta(200, ['x', 'y'.repeat(16_384)]))).toEqual(refused('16385 bytes of headers'));
});

test.each(['', 'a b', 'a:b', 'x\r\ny', 'é', 'a\0'])('%j is no name', (name) => {
  expect(checkHead(meta(200, [name, 'v']))).toEqual(refused('is not a header name'));
});

test('a name that is none is shown cut', () => {
  const { message } = checkHead(meta(200, [' '.repeat(1000), ''])) as { readonly message: string };
  expect(message.length).toBeLessThan(150);
});

test.each(['a\r\nb', 'a\nb', '\0', '\x7f', '€'])('%j is no value', (value) => {
  expect(checkHead(meta(200, ['x-a', value]))).toEqual(refused('header x-a contains characters'));
});

test('headers of one hop are taken out, whatever their case, and the others stay in order', () => {
  const given = ['x-a', '1', 'Connection', 'close', 'x-b', '2', 'Transfer-Encoding', 'chunked', 'x-c', '3'];
  expect(checkHead(meta(200, given))).toMatchObject({
    ok: true,
    head: { headers: ['x-a', '1', 'x-b', '2', 'x-c', '3'] },
  });
  expect(checkHead(meta(200, ['keep-alive-and-something-longer', '1']))).toMatchObject({
    head: { headers: ['keep-alive-and-something-longer', '1'] },
  });
  expect(given).toHaveLength(10);
});

test('the promised length is found, and stays among the headers', () => {
  expect(checkHead(meta(200, ['Content-Length', '42']))).toMatchObject({
    ok: true,
    contentLength: 42,
    head: { headers: ['Content-Length', '42'] },
  });
  expect(checkHead(meta(200, ['content-length', '999999999999999']))).toMatchObject({
    contentLength: 999_999_999_999_999,
  });
  expect(checkHead(meta(200, ['content-lengtx', 'x'])).ok).toBe(true);
});

test.each([
  [['x']],
  [['']],
  [['-1']],
  [['1.5']],
  [['1 ']],
  [['0x1']],
  [['1000000000000000']],
  [['5', '5']],
  [['5', '6']],
])('lengths %j are not one number', (values) => {
  const given = values.flatMap((value) => ['Content-Length', value]);
  expect(checkHead(meta(200, given))).toEqual(refused('content-length is not one number'));
});
