import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { httpMessageType } from '../../shared/http-message.ts';
import { limits } from '../../shared/limits.ts';
import { testEventLimits } from '../../shared/test-events.ts';
import { type ApiRig, apiRig } from '../support/api-rig.ts';

type Headers = Record<string, string>;
const password = 'correct horse battery';
const root = '/api/v1/functions/shop/test-events';
const order = '{\n  "id": 12345678901234567890\n}';

let rig: ApiRig;
let ada: Headers;
let bob: Headers;
let eve: Headers;

const send = (method: 'GET' | 'PUT' | 'POST' | 'DELETE', url: string, headers: Headers, payload?: string | Buffer) =>
  rig.app.inject({
    method,
    url,
    headers: { ...headers, ...(payload !== undefined && { 'content-type': 'application/json' }) },
    ...(payload !== undefined && { payload }),
  });
const put = (path: string, headers: Headers, payload: string | Buffer = order) =>
  send('PUT', `${root}/${path}`, headers, payload);
async function listed(headers: Headers): Promise<readonly string[]> {
  const page = (await send('GET', `${root}?limit=200`, headers)).json();
  return page.items.map((item: { name: string; visibility: string }) => `${item.visibility} ${item.name}`);
}
async function signedIn(user: string, role: string): Promise<Headers> {
  const roles = [{ project: 'default', role }];
  await send('POST', '/api/v1/users', rig.as.admin, JSON.stringify({ name: user, password, roles }));
  const session = await send('POST', '/api/v1/sessions', {}, JSON.stringify({ user, password }));
  return { authorization: `Bearer ${session.json().token}` };
}
const shop = JSON.stringify({ name: 'shop', files: { 'index.mjs': 'x' } });

beforeAll(async () => {
  rig = await apiRig();
  expect((await send('POST', '/api/v1/functions', rig.as.admin, shop)).statusCode).toBe(201);
  ada = await signedIn('ada', 'developer');
  bob = await signedIn('bob', 'operator');
  eve = await signedIn('eve', 'viewer');
});
afterAll(() => rig[Symbol.asyncDispose]());

describe('test events', () => {
  test('a private one is its owner’s alone, a shared one everybody’s, and both may have one name', async () => {
    expect((await put('private/order', ada)).json()).toMatchObject({ name: 'order', visibility: 'private' });
    expect((await put('private/order', bob, '2')).statusCode).toBe(200);
    expect((await put('shared/order', bob, '3')).json()).toMatchObject({ sizeBytes: 1, updatedBy: 'bob' });
    expect(await listed(ada)).toEqual(['private order', 'shared order']);
    expect(await listed(eve)).toEqual(['shared order']);
    const read = async (path: string, headers: Headers) => (await send('GET', `${root}/${path}`, headers)).body;
    expect(await read('private/order', ada)).toBe(order);
    expect(await read('private/order', bob)).toBe('2');
    expect(await read('shared/order', eve)).toBe('3');
    // Not even to who may do everything: it has no name by which others reach it.
    expect((await send('GET', `${root}/private/order`, rig.as.admin)).json().code).toBe('test_event_not_found');
    expect((await put('shared/order', ada, '4')).json().updatedBy).toBe('ada');
    expect(await read('shared/order', bob)).toBe('4');
  });

  test('who may not call functions saves and deletes none', async () => {
    for (const path of ['private/x', 'shared/order']) {
      expect((await put(path, eve)).json().code).toBe('role_missing');
      expect((await send('DELETE', `${root}/${path}`, eve)).json().code).toBe('role_missing');
    }
  });

  test('what is no event or no name is refused with what is wrong', async () => {
    const refused = async (path: string, payload: string | Buffer) => {
      const { statusCode, ...answer } = await put(path, ada, payload);
      return [statusCode, answer.json().code];
    };
    expect(await refused('private/x', '')).toEqual([400, 'bad_json']);
    expect(await refused('private/x', '{"a":')).toEqual([400, 'bad_json']);
    expect(await refused('private/x', Buffer.from([0x22, 0xff, 0x22]))).toEqual([400, 'bad_json']);
    expect(await refused('private/x', '\ufeff1')).toEqual([400, 'bad_json']);
    const large = (bytes: number) => `"${'x'.repeat(bytes - 2)}"`;
    expect(await refused('private/x', large(testEventLimits.maxBytes + 1))).toEqual([413, 'payload_too_large']);
    expect((await put('private/x', ada, large(testEventLimits.maxBytes))).statusCode).toBe(200);
    expect((await send('DELETE', `${root}/private/x`, ada)).statusCode).toBe(204);
    for (const name of ['%20x', 'x%20', 'a%2Fb', 'a%00b', 'a%E2%80%AEb', 'x'.repeat(61), '-x'])
      expect(await refused(`private/${name}`, '1'), name).toEqual([400, 'invalid_input']);
    expect(await refused('team/x', '1')).toEqual([400, 'invalid_input']);
    expect((await put('private/Bestellung%20gro%C3%9F%20(2)', ada, '1')).json().name).toBe('Bestellung groß (2)');
    expect((await send('DELETE', `${root}/private/nothing`, ada)).json().code).toBe('test_event_not_found');
  });

  test('there are only so many; the one of a name is replaced all the same', async () => {
    const { maxPrivate } = testEventLimits;
    for (let i = 0; i < maxPrivate; i++) expect((await put(`private/e${i}`, rig.as.invoke)).statusCode).toBe(200);
    const more = await put('private/more', rig.as.invoke);
    expect(more.json()).toMatchObject({ status: 409, code: 'too_many_test_events' });
    expect(more.json().detail).toContain('delete one first');
    expect((await put('private/e0', rig.as.invoke, '0')).statusCode).toBe(200);
    expect((await put('private/more', bob)).statusCode).toBe(200);
    expect((await put('shared/more', rig.as.invoke)).statusCode).toBe(200);
  });

  test('they outlive a restart, and go with their owner and with the function', async () => {
    await rig.restart();
    expect(await listed(ada)).toContain('private order');
    expect((await send('DELETE', '/api/v1/users/ada', rig.as.admin)).statusCode).toBe(204);
    ada = await signedIn('ada', 'developer');
    expect(await listed(ada)).toEqual(['shared more', 'shared order']);
    expect((await send('DELETE', '/api/v1/functions/shop', rig.as.admin)).statusCode).toBe(204);
    expect((await send('GET', root, bob)).json().code).toBe('function_not_found');
    expect((await send('POST', '/api/v1/functions', rig.as.admin, shop)).statusCode).toBe(201);
    expect(await listed(bob)).toEqual([]);
  });
});

describe('what a version says of its event', () => {
  const inputSchema = {
    type: 'object',
    required: ['id'],
    properties: {
      id: { type: 'integer', minimum: 1 },
      place: { type: 'object', properties: { city: { type: 'string' } } },
    },
  };
  const files = { 'index.mjs': 'x' };
  const deploy = (path: string, body: object) =>
    send('POST', `/api/v1/functions${path}`, rig.as.deploy, JSON.stringify({ files, ...body }));
  const kept = async (version: number) =>
    (await send('GET', `/api/v1/functions/described/versions/${version}`, rig.as.deploy)).json().config.inputSchema;

  test('is kept in its order, inherited, replaced and taken back', async () => {
    expect((await deploy('', { name: 'described', inputSchema })).statusCode).toBe(201);
    expect(JSON.stringify(await kept(1))).toBe(JSON.stringify(inputSchema));
    await deploy('/described/versions', { memoryMb: 192 });
    expect(await kept(2)).toEqual(inputSchema);
    await deploy('/described/versions', { inputSchema: { type: 'object' } });
    expect(await kept(3)).toEqual({ type: 'object' });
    await deploy('/described/versions', { inputSchema: null });
    expect(await kept(4)).toBeNull();
    await rig.restart();
    expect(await kept(1)).toEqual(inputSchema);
  });

  test('comes with an uploaded archive, as the command line sends it', async () => {
    const part = (head: string, text: string) => `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${text}\r\n`;
    const config = JSON.stringify({ inputSchema });
    const bundle = part('name="bundle"; filename="a.zip"', 'PK\u0003\u0004rest');
    const headers = { ...rig.as.deploy, 'content-type': 'multipart/form-data; boundary=b' };
    const payload = `${part('name="config"', config)}${bundle}--b--\r\n`;
    const url = '/api/v1/functions/described/versions';
    expect((await rig.app.inject({ method: 'POST', url, headers, payload })).statusCode).toBe(201);
    expect(await kept(5)).toEqual(inputSchema);
  });

  test('is refused with every place that is wrong, and nothing is deployed', async () => {
    const wrong = { type: 'object', properties: { a: { type: 'string', oneOf: [] }, b: { type: 'text' } } };
    const answer = await deploy('/described/versions', { inputSchema: wrong });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({
      code: 'invalid_config',
      errors: [
        {
          path: 'inputSchema.properties.a.oneOf',
          message: expect.stringContaining('is not supported for type "string"'),
        },
        { path: 'inputSchema.properties.b.type', message: expect.stringContaining('must be one of object, array') },
      ],
    });
    expect((await deploy('/described/versions', { inputSchema: [] })).json().code).toBe('invalid_input');
    const large = { type: 'object', description: 'x'.repeat(33_000) };
    expect((await deploy('', { name: 'large', inputSchema: large })).json().detail).toContain('at most 32 KiB');
    const url = '/api/v1/functions/described/versions/6';
    expect((await send('GET', url, rig.as.deploy)).statusCode).toBe(404);
  });

  test('is not asked when it is called', async () => {
    const answer = await send('POST', '/api/v1/functions/described/invocations', rig.as.invoke, '["no object"]');
    expect([answer.statusCode, answer.body]).toEqual([200, '["no object"]']);
  });
});

describe('an HTTP request to a function', () => {
  const type = { 'content-type': httpMessageType };
  const message = (head: object, body = '') => `${JSON.stringify({ method: 'GET', headers: [], ...head })}\n${body}`;
  const request = (name: string, payload: string, headers: Headers = bob, query = '') =>
    rig.app.inject({
      ...{ method: 'POST', url: `/api/v1/functions/${name}/requests${query}`, payload },
      headers: { ...headers, ...type },
    });
  const codeOf = async (name: string, payload: string, headers?: Headers, query?: string) => {
    const { statusCode, ...answer } = await request(name, payload, headers, query);
    return [statusCode, answer.json().code];
  };
  const lastCall = () => rig.scheduler.calls.at(-1);
  const deploy = async (body: object) => {
    const payload = JSON.stringify({ files: { 'index.mjs': 'x' }, ...body });
    const made = await send('POST', '/api/v1/functions', rig.as.admin, payload);
    expect(made.statusCode, made.body).toBe(201);
  };

  beforeAll(async () => {
    const orders = { path: '/orders/:id', methods: ['PUT', 'POST'] };
    await deploy({ name: 'routed', routes: [orders, { path: '/files/*', methods: ['GET'] }] });
    await deploy({ name: 'plain' });
    await deploy({ name: 'asking', auth: { type: 'token' } });
  });

  test('reaches it as through the gateway, and comes back whole', async () => {
    const headers = [
      ['X-Mine', 'a'],
      ['x-mine', 'b'],
      ['traceparent', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`],
    ];
    const answer = await request('routed', message({ method: 'PUT', target: '/orders/7?x=1', headers }, '{"a":\n1}'));
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, httpMessageType]);
    expect(answer.headers['server-timing']).toContain('total;dur=');
    expect(answer.body).toBe('{"status":200,"headers":[["content-type","application/json"]]}\nnull');
    expect(lastCall()).toMatchObject({
      ...{ trigger: 'api', qualifier: 'live', traceparent: headers[2]?.[1], version: { version: 1 } },
      request: {
        ...{ kind: 'http', method: 'PUT', target: '/orders/7?x=1', params: { id: '7' }, host: '127.0.0.1:8080' },
        body: Buffer.from('{"a":\n1}'),
        headers: [
          ...['x-mine', 'a', 'x-mine', 'b', 'host', '127.0.0.1:8080', 'content-length', '8'],
          ...['x-forwarded-for', '127.0.0.1', 'x-forwarded-proto', 'http'],
        ],
      },
    });
    await request('plain', message({ target: '/any/where' }));
    expect(lastCall()?.request).toMatchObject({ target: '/any/where', params: {} });
  });

  test('names its caller to a function that asks for a token, and keeps the token from it', async () => {
    await request('asking', message({ target: '/', headers: [['Authorization', 'Bearer x']] }));
    const sent = lastCall()?.request;
    const names = sent?.kind === 'http' ? sent.headers : [];
    expect(names).toContain('hearth-caller');
    expect(names).not.toContain('authorization');
    expect(names.slice(names.indexOf('x-forwarded-prefix')).slice(0, 2)).toEqual(['x-forwarded-prefix', '/asking']);
  });

  test('is refused where no route takes it, where it sets what it may not, and to who may not call', async () => {
    const before = rig.scheduler.calls.length;
    expect(await codeOf('routed', message({ target: '/orders/7' }))).toEqual([404, 'path_not_routed']);
    const { detail } = (await request('routed', message({ target: '/else' }))).json();
    expect(detail).toContain('no route of function routed takes GET /else; it has PUT, POST /orders/:id; GET /files/*');
    for (const name of ['Connection', 'TE', 'Expect', 'Content-Length', 'Hearth-Caller', 'X-Forwarded-For']) {
      const refused = await request('plain', message({ target: '/', headers: [[name, '1']] }));
      expect(refused.json(), name).toMatchObject({ status: 400, code: 'header_not_allowed' });
      expect(refused.json().errors).toEqual([{ path: 'headers.0', message: expect.stringContaining(name) }]);
    }
    for (const host of ['a/b', '', 'user@a', 'a, b'])
      expect(await codeOf('plain', message({ target: '/', headers: [['Host', host]] }))).toEqual([
        400,
        'header_not_allowed',
      ]);
    expect(await codeOf('plain', message({ target: 'http://a/' }))).toEqual([400, 'bad_message']);
    expect(await codeOf('plain', '{"method":"GET"}')).toEqual([400, 'bad_message']);
    expect(await codeOf('plain', message({ target: '/' }), bob, '?qualifier=beta')).toEqual([
      404,
      'qualifier_not_found',
    ]);
    expect(await codeOf('plain', message({ target: '/' }, 'x'.repeat(limits.maxRequestBytes + 1)))).toEqual([
      ...[413, 'payload_too_large'],
    ]);
    expect(await codeOf('plain', message({ target: '/' }), eve)).toEqual([403, 'role_missing']);
    expect(rig.scheduler.calls).toHaveLength(before);
  });

  test('is kept whole, byte by byte, beside events', async () => {
    const url = '/api/v1/functions/plain/test-events';
    const keep = (path: string, payload: string, headers: Headers = bob) =>
      rig.app.inject({ method: 'PUT', url: `${url}/${path}`, headers: { ...headers, ...type }, payload });
    const body = '{ "n": 1.10 }\n\u00e9';
    const sent = message({ method: 'POST', target: '/?a=%20b', headers: [['X-A', '']] }, body);
    expect((await keep('private/call', sent)).json()).toMatchObject({
      kind: 'request',
      sizeBytes: Buffer.byteLength(sent),
    });
    await send('PUT', `${url}/shared/old`, bob, '1');
    const items = (await send('GET', url, bob)).json().items;
    expect(items.map(({ name, kind }: Record<string, string>) => [name, kind])).toEqual([
      ...[
        ['call', 'request'],
        ['old', 'event'],
      ],
    ]);
    const read = await send('GET', `${url}/private/call`, bob);
    expect([read.headers['content-type'], read.body]).toEqual([httpMessageType, sent]);
    expect((await request('plain', read.body)).statusCode).toBe(200);
    expect((await keep('private/bad', '1')).json().code).toBe('bad_message');
    const host = message({ target: '/', headers: [['hearth-caller', 'x']] });
    expect((await keep('private/bad', host)).json().code).toBe('header_not_allowed');
  });

  test('is shared with credentials only when that is said', async () => {
    const url = '/api/v1/functions/plain/test-events';
    const headers = [
      ['Authorization', 'Bearer x'],
      ['Cookie', 'a=b'],
      ['accept', '*/*'],
    ];
    const payload = message({ target: '/', headers });
    const keep = (path: string) =>
      rig.app.inject({ method: 'PUT', url: `${url}/${path}`, headers: { ...bob, ...type }, payload });
    const refused = (await keep('shared/secret')).json();
    expect(refused).toMatchObject({ status: 422, code: 'credentials_in_shared_event' });
    expect(refused.detail).toContain('Authorization, Cookie');
    expect((await keep('private/secret')).statusCode).toBe(200);
    expect((await keep('shared/secret?credentials=keep')).statusCode).toBe(200);
    expect((await keep('shared/secret?credentials=yes')).statusCode).toBe(400);
  });
});
