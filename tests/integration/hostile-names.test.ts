import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiOperations } from '../support/api-operations.ts';
import { type ApiRig, apiRig } from '../support/api-rig.ts';

const operations = (await apiOperations()).filter(({ path, method }) => path.includes('{') && method !== 'PUT');
let rig: ApiRig;
beforeAll(async () => {
  rig = await apiRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

/** What names may never be, at any entry: paths, other alphabets that look the same, what means something to a language or a file system. */
const hostile: readonly string[] = [
  '..',
  '../x',
  'a/b',
  'a\\b',
  '%2e%2e',
  'a%00b',
  'a\0b',
  'a\nb',
  ' a',
  'a ',
  '-a',
  'a-',
  'A',
  'CON',
  '__proto__',
  'аpp', // The first letter is Cyrillic.
  'ａpp',
  'a\u202eb',
  'a'.repeat(300),
  '<img onerror=alert(1)>',
  "a'; drop table functions; --",
  '',
];

const call = (method: string, url: string, json?: unknown) =>
  rig.app.inject({
    method: method as 'GET',
    url,
    headers: { ...rig.as.admin, ...(json === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(json === undefined ? {} : { payload: JSON.stringify(json) }),
  });

const created: readonly (readonly [string, string, (name: string) => object])[] = [
  ['a function', '/api/v1/functions', (name) => ({ name, files: { 'index.mjs': 'export const handler = () => 1;' } })],
  ['a project', '/api/v1/projects', (name) => ({ name })],
];

describe.each(created)('the name of %s', (_what, url, body) => {
  it.each(hostile)('is never %j', async (name) => {
    const answer = await call('POST', url, body(name));
    expect([answer.statusCode, answer.json().code], answer.body).toEqual([400, 'invalid_input']);
  });
});

describe('a path', () => {
  it('has parameters in many routes', () => expect(operations.length).toBeGreaterThan(25));

  it.each(operations.map((operation) => [`${operation.method} ${operation.path}`, operation] as const))(
    '%s takes none of them for something that is there',
    async (_name, { method, path, hasBody, exampleBody }) => {
      // Two dots are gone before anybody is asked: clients take them out of addresses themselves.
      for (const name of hostile.filter((text) => text !== '' && text !== '..')) {
        const url = path.replaceAll(/\{\w+\}/g, encodeURIComponent(name));
        const answer = await call(method, url, hasBody ? (exampleBody ?? {}) : undefined);
        expect(answer.statusCode, `${url}: ${answer.body}`).toBeGreaterThanOrEqual(400);
        expect(answer.statusCode, `${url}: ${answer.body}`).toBeLessThan(500);
      }
    },
  );

  it('breaks nothing', () => {
    expect(rig.errors).toEqual([]);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
