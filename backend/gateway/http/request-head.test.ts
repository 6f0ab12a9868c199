import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cases } from '../../../tests/support/fuzz.ts';
import { parseRequestHead } from './request-head.ts';

const parse = (text: string) => parseRequestHead(Buffer.from(text, 'latin1'));

describe('parseRequestHead', () => {
  test('reads a plain request', () => {
    const head = 'POST /a/b?c=%20d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nX-Empty:\r\nX-Pad: \t v w \t\r\n\r\n';
    expect(parse(`${head}{}`)).toEqual({
      method: 'POST',
      target: '/a/b?c=%20d',
      headers: ['host', 'x', 'content-length', '2', 'x-empty', '', 'x-pad', 'v w'],
      contentLength: 2,
      bodyAt: head.length,
    });
  });

  const get = (lines: string, rest = '') => `GET / HTTP/1.1\r\nHost: x\r\n${lines}\r\n${rest}`;
  test.each([
    ['a head that is not whole', 'GET / HTTP/1.1\r\nHost: x\r\n'],
    ['no Host', 'GET / HTTP/1.1\r\nA: b\r\n\r\n'],
    ['two Hosts', get('Host: y\r\n')],
    ['an older version', 'GET / HTTP/1.0\r\nHost: x\r\n\r\n'],
    ['another method', 'TRACE / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['an absolute target', 'GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['an unusual target', 'GET /"a HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['Transfer-Encoding', get('Transfer-Encoding: chunked\r\n', '0\r\n\r\n')],
    ['an upgrade', get('Connection: upgrade\r\nUpgrade: websocket\r\n')],
    ['a connection that ends', get('Connection: close\r\n')],
    ['the old name of Connection', get('Proxy-Connection: close\r\n')],
    ['Expect', get('Expect: 100-continue\r\n')],
    ['two lengths', get('Content-Length: 1\r\nContent-Length: 1\r\n', 'a')],
    ['a length that is no number', get('Content-Length: +1\r\n', 'a')],
    ['a list of lengths', get('Content-Length: 1, 1\r\n', 'a')],
    ['an empty length', get('Content-Length:\r\n')],
    ['white space before the colon', get('A : b\r\n')],
    ['an obsolete fold', get('A: b\r\n c: d\r\n')],
    ['a name that is none', get('A b: c\r\n')],
    ['a bare carriage return', get('A: b\rC: d\r\n')],
    ['a bare line feed', get('A: b\nC: d\r\n')],
    ['a NUL', get('A: b\u0000\r\n')],
    ['no colon', get('A\r\nB: c\r\n')],
    ['too many headers', get('A: b\r\n'.repeat(100))],
    ['a large head', get(`A: ${'b'.repeat(20_000)}\r\n`)],
  ])('leaves %s to Node', (_what, text) => {
    expect(parse(text)).toBeUndefined();
  });
});

describe('what a client may choose', () => {
  const head = (lines: string) => `GET / HTTP/1.1\r\nHost: x\r\n${lines}\r\n`;

  test('is a hundred headers of 16 KiB with the rest of the head', () => {
    expect(parse(head('A: b\r\n'.repeat(99)))?.headers).toHaveLength(200);
    // Besides the empty line.
    const longest = 16_388 - head('A: \r\n').length;
    expect(parse(head(`A: ${'b'.repeat(longest)}\r\n`))?.bodyAt).toBe(16_388);
    expect(parse(head(`A: ${'b'.repeat(longest + 1)}\r\n`))).toBeUndefined();
    expect(parse(head('Content-Length: 999999999\r\n'))?.contentLength).toBe(999_999_999);
    expect(parse(head('Content-Length: 1000000000\r\n'))).toBeUndefined();
  });

  test('is as many names as it likes, of which only so many are remembered', () => {
    for (let i = 0; i < 1100; i++) {
      for (let again = 0; again < 2; again++)
        expect(parse(head(`X-Name-${i}: v\r\n`))?.headers).toEqual(['host', 'x', `x-name-${i}`, 'v']);
    }
  });

  test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'])('is %s', (method) => {
    expect(parse(`${method} / HTTP/1.1\r\nHost: x\r\nConnection: Keep-Alive\r\n\r\n`)?.method).toBe(method);
  });

  test.each(['Trailer: a', 'Upgrade: h2c', 'Connection: a', 'Connection:'])('is not %s', (line) => {
    expect(parse(head(`${line}\r\n`))).toBeUndefined();
  });
});

describe('what is accepted, Node reads in the same way', () => {
  let server: Server;
  /** By the client's port: a connection that ends late must not be taken for the next one. */
  const waiting = new Map<number, (request: { head: IncomingMessage; body: Buffer } | undefined) => void>();
  beforeAll(async () => {
    server = createServer((head, response) => {
      const chunks: Buffer[] = [];
      head.on('data', (chunk: Buffer) => chunks.push(chunk));
      head.on('end', () => {
        waiting.get(head.socket.remotePort ?? 0)?.({ head, body: Buffer.concat(chunks) });
        response.end();
      });
    });
    server.on('clientError', (_error, socket) => {
      waiting.get((socket as Socket).remotePort ?? 0)?.(undefined);
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  async function byNode(bytes: Buffer): Promise<{ head: IncomingMessage; body: Buffer } | undefined> {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const port = socket.localPort ?? 0;
    const result = new Promise<{ head: IncomingMessage; body: Buffer } | undefined>((resolve) => {
      waiting.set(port, resolve);
      socket.once('close', () => resolve(undefined));
    });
    socket.write(bytes);
    const request = await result;
    waiting.delete(port);
    socket.destroy();
    return request;
  }

  /** Pieces that matter to a parser, in any order, so that about a third are accepted. */
  const name = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('A', 'x-b', 'Cookie', 'accept', 'Keep-Alive', 'TE', '__proto__') },
    {
      weight: 1,
      arbitrary: fc.constantFrom('Content-Length', 'content-length', 'Connection', 'Host', 'Expect', 'Upgrade'),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('Transfer-Encoding', 'Proxy-Connection', 'A ', ' A', '', 'A\t', 'Ü', 'Trailer'),
    },
  );
  const value = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('1', 'b', ' b c ', '', '\t', 'keep-alive', 'ä', '"q;s"', '2') },
    {
      weight: 1,
      arbitrary: fc.constantFrom('close', 'upgrade', 'chunked', '01', '1,1', '-1', '0x1', 'a\rb', 'a\nb', '\u0000'),
    },
  );
  const colon = fc.oneof(
    { weight: 9, arbitrary: fc.constant(': ') },
    { weight: 1, arbitrary: fc.constantFrom(':', ' :', '', ':\t ') },
  );
  const lineEnd = fc.oneof(
    { weight: 30, arbitrary: fc.constant('\r\n') },
    { weight: 1, arbitrary: fc.constantFrom('\n', '\r', '\r\r\n') },
  );
  const line = fc.tuple(name, colon, value, lineEnd).map((parts) => parts.join(''));
  const request = fc
    .tuple(
      fc.constantFrom('GET', 'GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'get', 'G\u0000T'),
      fc.constantFrom('/', '/', '/a?b=%20', '/a//..;x', '/?', '*', '/ä', '/a b', '/#f'),
      fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'http/1.1'),
      fc.array(line, { maxLength: 5 }),
      fc.constantFrom('', '{}', 'abc', 'GET /smuggled HTTP/1.1\r\nHost: y\r\n\r\n'),
    )
    .map(([method, target, version, lines, body]) => {
      const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`;
      return Buffer.from(
        `${method} ${target} ${version}\r\nHost: x\r\n${length}${lines.join('')}\r\n${body}`,
        'latin1',
      );
    });

  test('as fuzzed', async () => {
    let accepted = 0;
    const tries = cases(1500);
    await fc.assert(
      fc.asyncProperty(request, async (bytes) => {
        const ours = parseRequestHead(bytes);
        // A body that is not there would be waited for.
        if (ours === undefined || bytes.length < ours.bodyAt + ours.contentLength) return;
        accepted++;
        // What comes after this request is not part of the comparison.
        const theirs = await byNode(bytes.subarray(0, ours.bodyAt + ours.contentLength));
        expect(theirs?.head.method).toBe(ours.method);
        expect(theirs?.head.url).toBe(ours.target);
        expect(theirs?.head.rawHeaders.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text))).toEqual(
          ours.headers,
        );
        expect(theirs?.body).toEqual(bytes.subarray(ours.bodyAt, ours.bodyAt + ours.contentLength));
      }),
      tries,
    );
    expect(accepted).toBeGreaterThan(tries.numRuns / 30);
  });
});
