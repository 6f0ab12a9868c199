import { describe, expect, it } from 'vitest';
import {
  credentialsIn,
  firstRequest,
  type HttpRequest,
  isJsonBody,
  messageOf,
  obstacleOf,
  requestOf,
  requestSnippets,
  requestUrl,
  withoutCredentials,
} from './http-request.ts';

const request: HttpRequest = {
  method: 'POST',
  path: '/orders?a=b c',
  headers: [
    { name: 'Content-Type', value: 'text/plain' },
    { name: 'Authorization', value: "Bearer it's" },
    { name: '', value: '' },
  ],
  body: '{ "n": 1.10 }\r\n',
};

describe('a request in the editor', () => {
  it('is sent with its body to the byte, without rows that have nothing in them, and read back', () => {
    const message = messageOf(request);
    const head = `{"method":"POST","target":"/orders?a=b%20c","headers":[["Content-Type","text/plain"],["Authorization","Bearer it's"]]}`;
    expect(message).toBe(`${head}\n${request.body}`);
    expect(requestOf(message)).toEqual({ ...request, path: '/orders?a=b%20c', headers: request.headers.slice(0, 2) });
  });

  it.each(['', '{}', '{}\n', 'no\n', 'null\n', '{"method":1,"target":"/","headers":[]}\n'])('%j is none', (text) =>
    expect(requestOf(text)).toBeUndefined(),
  );

  it('says why it cannot be sent', () => {
    expect(obstacleOf(request)).toBeUndefined();
    expect(obstacleOf({ ...request, headers: [{ name: '', value: 'x' }] })).toBe('A header has no name');
    expect(obstacleOf({ ...request, headers: [{ name: 'TE', value: 'x' }] })).toContain('TE belongs to one connection');
  });

  it('tells what may be a credential, and goes without', () => {
    expect(credentialsIn(request)).toEqual(['Authorization']);
    expect(credentialsIn(withoutCredentials(request))).toEqual([]);
    expect(withoutCredentials(request).headers[0]?.name).toBe('Content-Type');
  });

  it('begins with what the first route takes', () => {
    expect(firstRequest([])).toMatchObject({ method: 'GET', path: '/' });
    expect(firstRequest([{ path: '/a/:id', methods: ['PUT', 'GET'] }])).toMatchObject({
      method: 'PUT',
      path: '/a/:id',
    });
    expect(firstRequest([{ path: '/a', methods: [] }])).toMatchObject({ method: 'GET', path: '/a' });
  });

  it('has the body of JSON unless a header says otherwise', () => {
    expect(isJsonBody(request)).toBe(false);
    expect(isJsonBody({ ...request, headers: [] })).toBe(true);
    expect(isJsonBody({ ...request, headers: [{ name: 'content-type', value: 'application/problem+json' }] })).toBe(
      true,
    );
  });

  it('goes below a function without routes, and to the path itself with them', () => {
    const at = (url: string, routes: readonly unknown[], path: string) => requestUrl(url, routes, { ...request, path });
    expect(at('http://h:8080/shop', [], '/')).toBe('http://h:8080/shop');
    expect(at('http://h:8080/shop', [], '/a?b')).toBe('http://h:8080/shop/a?b');
    expect(at('http://h:8080/orders/:id', [{}], '/orders/7')).toBe('http://h:8080/orders/7');
  });

  it('is copied for elsewhere whole', () => {
    const { curl, fetch, cli } = requestSnippets('shop', 'http://h/shop', { ...request, body: "it's" });
    expect(curl).toBe(
      "curl -i http://h/shop \\\n  -H 'Content-Type: text/plain' \\\n  -H 'Authorization: Bearer it'\\''s' \\\n  --data-raw 'it'\\''s'",
    );
    expect(cli).toBe(
      "hearth invoke shop --method POST --path '/orders?a=b%20c' \\\n  --header 'Content-Type: text/plain' \\\n  --header 'Authorization: Bearer it'\\''s' \\\n  --data 'it'\\''s'",
    );
    expect(fetch).toContain('    ["Authorization", "Bearer it\'s"],\n');
    expect(fetch).toContain('  body: "it\'s",\n');
    const plain = requestSnippets('shop', 'http://h/shop', firstRequest([]));
    expect(plain.curl).toBe('curl -i http://h/shop');
    expect(plain.cli).toBe('hearth invoke shop --method GET --path /');
    expect(plain.fetch).not.toContain('headers');
  });
});
