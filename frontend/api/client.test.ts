import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Api } from './api.ts';
import { ApiClient, withQuery } from './client.ts';
import { ApiError, processServerError } from './server-error.ts';
import { Session } from './session.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const noStorage = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };

async function setUp(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  const session = new Session({ lasting: noStorage, passing: noStorage });
  session.signIn('t0', false);
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new ApiClient({ session, baseUrl, fetch: globalThis.fetch });
  return { session, client, api: new Api({ client }) };
}

describe('withQuery', () => {
  it('leaves out what is not set, and encodes the rest', () => {
    expect(withQuery('/a', { x: undefined, y: '', z: 'a b&c', n: 0 })).toBe('/a?z=a+b%26c&n=0');
    expect(withQuery('/a', undefined)).toBe('/a');
  });
});

describe('ApiClient', () => {
  it('sends the token and JSON, and gives the answer with its ETag', async () => {
    const seen: { method?: string; url?: string; authorization?: string; type?: string; body: string }[] = [];
    const { api, client } = await setUp(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const { authorization, 'content-type': type } = request.headers;
      seen.push({
        ...(request.method && { method: request.method }),
        ...(request.url && { url: request.url }),
        ...(authorization && { authorization }),
        ...(type && { type }),
        body,
      });
      response.setHeader('etag', '"7"').end('{"name":"f"}');
    });
    expect(await api.function('a/b')).toEqual({ name: 'f', etag: '"7"' });
    await client.json('POST', '/x', { body: { a: 1 } });
    expect(seen).toEqual([
      { method: 'GET', url: '/api/v1/functions/a%2Fb?stats=1', authorization: 'Bearer t0', body: '' },
      { method: 'POST', url: '/x', authorization: 'Bearer t0', type: 'application/json', body: '{"a":1}' },
    ]);
  });

  it('turns a problem document into an ApiError, with the wait it names', async () => {
    const { client } = await setUp((_request, response) => {
      response.writeHead(429, { 'retry-after': '3' });
      response.end(
        JSON.stringify({
          type: 't',
          title: 'x',
          status: 429,
          detail: 'too many calls',
          code: 'throttled',
          requestId: 'r',
        }),
      );
    });
    const error: unknown = await client.json('GET', '/x').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiError);
    expect(processServerError(error)).toMatchObject({
      code: 'throttled',
      message: 'Too many calls.',
      action: 'Try again in 3 s.',
    });
  });

  it('ends the session at 401, but only for the token that was refused', async () => {
    const { client, session } = await setUp((request, response) => {
      if (request.headers.authorization === 'Bearer t0') session.signIn('t1', false);
      response.writeHead(401).end();
    });
    await expect(client.json('GET', '/x')).rejects.toThrow(ApiError);
    expect(session.token).toBe('t1');
    await expect(client.json('GET', '/x')).rejects.toThrow(ApiError);
    expect(session.token).toBeUndefined();
    expect(session.wasRefused).toBe(true);
  });

  it('understands an answer without a body, and HTML from a proxy', async () => {
    const { client } = await setUp((request, response) => {
      if (request.method === 'DELETE') response.writeHead(204).end();
      else response.writeHead(502).end('<html>bad gateway</html>');
    });
    expect(await client.json('DELETE', '/x')).toBeUndefined();
    await expect(client.json('GET', '/x')).rejects.toMatchObject({ status: 502, problem: undefined });
  });

  it('gives the result of a call as the function sent it, with the id of the invocation', async () => {
    const { api } = await setUp((_request, response) => {
      response.writeHead(200, { 'hearth-invocation-id': 'inv_1', 'content-type': 'text/plain' });
      response.end('not json');
    });
    const answer = await api.invoke('f', '{"a":1}', { qualifier: 'live' }, new AbortController().signal);
    expect(answer).toEqual({ status: 200, invocationId: 'inv_1', contentType: 'text/plain', body: 'not json' });
  });

  it('sends an event to the byte: numbers, escapes and layout', async () => {
    const seen: string[] = [];
    const { api } = await setUp(async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      seen.push(`${request.headers['content-type']} ${Buffer.concat(parts).toString('utf8')}`);
      response.end('{}');
    });
    const event = '{ "id" : 12345678901234567890,\r\n\t"a": 1.10, "a": 2, "text": "\\u00e9é\\/" }\n';
    const { signal } = new AbortController();
    await api.invoke('f', event, { qualifier: 'live' }, signal);
    await api.invoke('f', event, { draft: 'dr_1' }, signal);
    await api.invokeAsync('f', event, 'live');
    expect(seen).toEqual(Array(3).fill(`application/json ${event}`));
  });
});
