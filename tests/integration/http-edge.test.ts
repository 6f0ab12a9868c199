import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.ts';

let platform: Platform;
/** Its gateway consists of two processes. */
let spread: Platform;
beforeAll(async () => {
  platform = await startPlatform();
  spread = await startPlatform({ environment: { HEARTH_GATEWAYS: '2' } });
  await Promise.all([platform, spread].map(deployEdge));
});
afterAll(async () => {
  await Promise.all([platform.dispose(), spread.dispose()]);
});

async function deployEdge(platform: Platform): Promise<void> {
  const response = await platform.api('POST', '/api/v1/functions', {
    name: 'edge',
    files: {
      'index.mjs':
        'export default async (request) => Response.json({ path: new URL(request.url).pathname, body: await request.text() });',
    },
    runtime: 'nodejs',
    routes: [{ path: '/edge' }, { path: '/smuggled' }],
  });
  expect(response.status, await response.clone().text()).toBe(201);
}

/** Writes the bytes and reads until the server closes; `[left open]` is added when it does not within 30 s of silence. */
async function raw(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return await new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(Buffer.from(text, 'latin1')));
    socket.setTimeout(30_000, () => {
      answer += '[left open]';
      socket.destroy();
    });
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    // A server that closes on unread bytes resets the connection; what it said before counts.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}
/** Of all responses, wherever they begin: a second one follows the body of the first without a line's end. */
const statuses = (answer: string): readonly number[] =>
  [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));

const hidden = 'GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const chunkedHidden = `0\r\n\r\n${hidden}`;
const post = (lines: string, body = ''): string => `POST /edge HTTP/1.1\r\nHost: a\r\n${lines}\r\n${body}`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked\r\n', body);

/**
 * Requests that two parsers could cut in different places, or take for different ones (RFC 9112 sections 2.2, 3.2, 5, 6.1, 6.3, 7.1 and
 * 11.2), and hosts that are none, which would reach into the path of a URL (3.2). A second request hides where a sloppy parser would find one.
 */
const refused: readonly (readonly [string, string])[] = [
  ['CL and TE', post(`Content-Length: ${chunkedHidden.length}\r\nTransfer-Encoding: chunked\r\n`, chunkedHidden)],
  ['TE and CL', post(`Transfer-Encoding: chunked\r\nContent-Length: 5\r\n`, chunkedHidden)],
  ['CL 0 and TE', post('Content-Length: 0\r\nTransfer-Encoding: chunked\r\n', chunkedHidden)],
  ['two different CL', post(`Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n`, hidden)],
  ['two equal CL', post('Content-Length: 1\r\nContent-Length: 1\r\n', `a${hidden}`)],
  ['a list of CL', post('Content-Length: 0, 0\r\n', hidden)],
  ['CL +0', post('Content-Length: +0\r\n', hidden)],
  ['CL -1', post('Content-Length: -1\r\n', hidden)],
  ['CL in hexadecimal', post('Content-Length: 0x0\r\n', hidden)],
  ['CL with a point', post('Content-Length: 0.0\r\n', hidden)],
  ['CL with an exponent', post('Content-Length: 1e1\r\n', hidden)],
  ['CL with a blank within', post('Content-Length: 0 1\r\n', hidden)],
  ['CL that is empty', post('Content-Length:\r\n', hidden)],
  ['CL that is a word', post('Content-Length: zero\r\n', hidden)],
  ['CL in quotes', post('Content-Length: "0"\r\n', hidden)],
  ['CL with an underscore', post('Content-Length: 1_0\r\n', hidden)],
  ['CL above 64 bits', post('Content-Length: 18446744073709551616\r\n', hidden)],
  ['CL with a vertical tab', post('Content-Length: \x0b0\r\n', hidden)],
  ['TE identity', post('Transfer-Encoding: identity\r\n', hidden)],
  ['TE that is unknown', post('Transfer-Encoding: xchunked\r\n', chunkedHidden)],
  ['TE chunked that is not the last', post('Transfer-Encoding: chunked, identity\r\n', chunkedHidden)],
  [
    'TE chunked twice in two lines, then identity',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', chunkedHidden),
  ],
  ['TE in quotes', post('Transfer-Encoding: "chunked"\r\n', chunkedHidden)],
  ['TE with a vertical tab', post('Transfer-Encoding: \x0bchunked\r\n', chunkedHidden)],
  ['TE with a NUL', post('Transfer-Encoding: chunked\x00\r\n', chunkedHidden)],
  ['TE with a blank before the colon', post('Transfer-Encoding : chunked\r\n', chunkedHidden)],
  ['TE with a tab before the colon', post('Transfer-Encoding\t: chunked\r\n', chunkedHidden)],
  ['TE with a blank before the name', post('A: b\r\n Transfer-Encoding: chunked\r\n', chunkedHidden)],
  ['TE folded', post('Transfer-Encoding:\r\n chunked\r\n', chunkedHidden)],
  ['CL with a blank before the colon', post('Content-Length : 5\r\n', hidden)],
  ['CL folded', post('Content-Length:\r\n 0\r\n', hidden)],
  ['a chunk size in the C manner', chunked(`0x0\r\n\r\n${hidden}`)],
  ['a chunk size with a plus', chunked(`+1\r\na\r\n0\r\n\r\n${hidden}`)],
  ['a chunk size with a minus', chunked(`-1\r\na\r\n0\r\n\r\n${hidden}`)],
  ['a chunk size above 64 bits', chunked(`10000000000000001\r\na\r\n0\r\n\r\n${hidden}`)],
  ['a chunk size that is empty', chunked(`\r\na\r\n0\r\n\r\n${hidden}`)],
  ['a chunk size with a blank before', chunked(` 1\r\na\r\n0\r\n\r\n${hidden}`)],
  ['a chunk size with an underscore', chunked(`1_0\r\na\r\n0\r\n\r\n${hidden}`)],
  ['a chunk size ended by LF alone', chunked(`1\na\r\n0\r\n\r\n${hidden}`)],
  ['a chunk extension with LF alone', chunked(`1;a\nb\r\na\r\n0\r\n\r\n${hidden}`)],
  ['a chunk size with CR alone', chunked(`1\ra\r\n0\r\n\r\n${hidden}`)],
  ['a trailer that is no header', chunked(`0\r\nno colon\r\n\r\n${hidden}`)],
  ['two Hosts', `GET /edge HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${hidden}`],
  ['no Host', `GET /edge HTTP/1.1\r\n\r\n${hidden}`],
  ['an empty Host', `GET /edge HTTP/1.1\r\nHost:\r\n\r\n${hidden}`],
  ...['a/smuggled?', 'a#', 'a\\b', 'a?b', 'user@a', 'a, b', '[::1', 'a:1:2', '%61'].map(
    (host) => [`the Host ${host}`, `GET /edge HTTP/1.1\r\nHost: ${host}\r\n\r\n${hidden}`] as const,
  ),
  ['a blank before the colon of Host', `GET /edge HTTP/1.1\r\nHost : a\r\n\r\n${hidden}`],
  ['LF alone between headers', `GET /edge HTTP/1.1\r\nHost: a\nA: b\r\n\r\n${hidden}`],
  ['LF alone everywhere', 'GET /edge HTTP/1.1\nHost: a\n\n'],
  ['CR alone within a value', `GET /edge HTTP/1.1\r\nHost: a\r\nA: b\rC: d\r\n\r\n${hidden}`],
  ['CR alone between headers', `GET /edge HTTP/1.1\r\nHost: a\rA: b\r\n\r\n${hidden}`],
  ['NUL in a value', `GET /edge HTTP/1.1\r\nHost: a\r\nA: b\x00c\r\n\r\n${hidden}`],
  ['NUL in a name', `GET /edge HTTP/1.1\r\nHost: a\r\nA\x00: b\r\n\r\n${hidden}`],
  ['NUL in the target', `GET /edge\x00 HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`],
  ['a blank in the target', `GET /edge /smuggled HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`],
  ['a name with a blank', `GET /edge HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n${hidden}`],
  ['a name that is empty', `GET /edge HTTP/1.1\r\nHost: a\r\n: c\r\n\r\n${hidden}`],
  ['a line without a colon', `GET /edge HTTP/1.1\r\nHost: a\r\nA\r\n\r\n${hidden}`],
  ['a header folded at the start', `GET /edge HTTP/1.1\r\n Host: a\r\n\r\n${hidden}`],
  ['a header folded', `GET /edge HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n${hidden}`],
  ['a version that is unknown', `GET /edge HTTP/1.2\r\nHost: a\r\n\r\n${hidden}`],
  ['a version of two digits', `GET /edge HTTP/1.10\r\nHost: a\r\n\r\n${hidden}`],
  ['a version in small letters', `GET /edge http/1.1\r\nHost: a\r\n\r\n${hidden}`],
  ['no version', `GET /edge\r\n\r\n${hidden}`],
  ['an unknown method', `SMUGGLE /edge HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`],
  ['the preface of HTTP/2', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${hidden}`],
  ['the start of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
];

/** Broken where the listener may have answered already, because it needs no body to say that nothing is there. */
const broken: readonly (readonly [string, string])[] = [
  ['a chunk longer than its size', `1\r\nab\r\n0\r\n\r\n${hidden}`],
  ['a chunk without CRLF behind it', `1\r\na0\r\n\r\n${hidden}`],
  ['a chunk with LF alone behind it', `1\r\na\n0\r\n\r\n${hidden}`],
  ['a trailer that names a length', `1\r\na\r\n0\r\nContent-Length: 50\r\n\r\n${hidden}`],
];

/** What is legal though unusual: exactly one request, with the body that is named, and the next one begins behind it. */
const single: readonly (readonly [string, string, string])[] = [
  ['a chunk size with zeros before', '0001\r\na\r\n0\r\n\r\n', 'a'],
  ['a chunk size in hexadecimal', 'A\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
  ['a chunk extension', '1;a="b"\r\na\r\n0\r\n\r\n', 'a'],
  ['a trailer', '1\r\na\r\n0\r\nA: b\r\n\r\n', 'a'],
  ['a request as the body', `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`, hidden],
];

const listeners = [
  ['gateway', () => platform.gatewayUrl],
  ['gateway processes', () => spread.gatewayUrl],
  ['control API', () => platform.url],
] as const;

describe.each(listeners.slice(0, 2))('an older client that names no host, %s', (_name, url) => {
  it('asks for the path that it asks for', async () => {
    const answer = await raw(url(), 'GET /edge HTTP/1.0\r\n\r\n');
    expect(answer).toContain(JSON.stringify({ path: '/edge', body: '' }));
  });
});

describe.each(listeners)('bytes that two parsers could read differently, %s', (name, url) => {
  it.each(refused)('%s: refused and closed', async (_what, text) => {
    const answer = await raw(url(), text);
    expect(statuses(answer), answer).toEqual([400]);
    expect(answer).not.toContain('[left open]');
  });

  it.each(broken)('%s: one answer, and closed', async (_what, body) => {
    for (const path of ['/edge', '/nothing-here']) {
      const answer = await raw(url(), chunked(body).replace('/edge', path));
      expect(statuses(answer), answer).toHaveLength(1);
      expect([400, 404]).toContain(statuses(answer)[0]);
      expect(answer).not.toContain('[left open]');
    }
  });

  it.each(single)('%s: one request', async (_what, body, expected) => {
    const text = post('Transfer-Encoding: chunked\r\nContent-Type: text/plain\r\n', body);
    const answer = await raw(url(), `${text}GET /edge HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    // The control listener has the dashboard at every path that is asked for with GET, and nothing there for POST.
    expect(statuses(answer), answer).toEqual(name !== 'control API' ? [200, 200] : [404, 200]);
    expect(answer).not.toContain('[left open]');
    if (name === 'control API') return;
    expect(answer).toContain(JSON.stringify({ path: '/edge', body: expected }));
    expect(answer).toContain(JSON.stringify({ path: '/edge', body: '' }));
  });
});
