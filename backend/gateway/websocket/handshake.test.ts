import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { asksForWebSocket, readHandshake } from './handshake.ts';

const request = (headers: Record<string, string> = {}, method = 'GET') =>
  ({
    method,
    headers: { 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers },
  }) as unknown as IncomingMessage;

test('the example of RFC 6455 section 1.3', () => {
  expect(readHandshake(request())).toEqual({ accept: 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=', offered: [] });
});

test('subprotocols are offered in order, and what is no name is overlooked', () => {
  expect(readHandshake(request({ 'sec-websocket-protocol': 'chat, v2.x ,a b,,x\u0000' }))).toMatchObject({
    offered: ['chat', 'v2.x'],
  });
});

test.each([
  ['POST', {}, 'GET'],
  ['GET', { 'sec-websocket-version': '8' }, 'version 13'],
  ['GET', { 'sec-websocket-version': '13, 8' }, 'version 13'],
  ['GET', { 'sec-websocket-key': '' }, '16 bytes'],
  ['GET', { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ' }, '16 bytes'],
  ['GET', { 'sec-websocket-key': ` dGhlIHNhbXBsZSBub25jZQ==` }, '16 bytes'],
  ['GET', { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==x' }, '16 bytes'],
])('%s with %j is refused', (method, headers, problem) => {
  expect(readHandshake(request(headers, method))).toEqual({ problem: expect.stringContaining(problem) });
});

test('a request without a key is refused', () => {
  const { 'sec-websocket-key': _key, ...headers } = request().headers;
  expect(readHandshake({ method: 'GET', headers } as IncomingMessage)).toEqual({
    problem: expect.stringContaining('16 bytes'),
  });
});

test('asks for a WebSocket in any case, and not for anything else', () => {
  expect(asksForWebSocket(request({ upgrade: 'WebSocket' }))).toBe(true);
  for (const upgrade of ['h2c', 'websocket, h2c', '']) expect(asksForWebSocket(request({ upgrade }))).toBe(false);
  expect(asksForWebSocket(request())).toBe(false);
});

test('does not ask for a WebSocket with a body behind it: its bytes would be taken for messages', () => {
  expect(asksForWebSocket(request({ upgrade: 'websocket', 'content-length': '0' }))).toBe(true);
  expect(asksForWebSocket(request({ upgrade: 'websocket', 'content-length': '5' }))).toBe(false);
  expect(asksForWebSocket(request({ upgrade: 'websocket', 'transfer-encoding': 'chunked' }))).toBe(false);
});
