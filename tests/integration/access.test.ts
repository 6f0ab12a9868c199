import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../shared/ids.ts';
import { apiOperations } from '../support/api-operations.ts';
import { type ApiRig, apiRig } from '../support/api-rig.ts';

type Headers = Record<string, string>;
const password = 'correct horse battery';

let rig: ApiRig;
const call = (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, payload?: object, headers?: Headers) =>
  rig.app.inject({ method, url: `/api/v1${url}`, headers: headers ?? rig.as.admin, ...(payload && { payload }) });
const signIn = (user: string, given = password, remoteAddress = '192.0.2.1') =>
  rig.app.inject({ method: 'POST', url: '/api/v1/sessions', payload: { user, password: given }, remoteAddress });
async function signedIn(user: string): Promise<Headers> {
  const response = await signIn(user);
  expect(response.statusCode, response.body).toBe(201);
  return { authorization: `Bearer ${response.json().token}` };
}
async function newUser(name: string, roles: object[] = []): Promise<void> {
  const made = await call('POST', '/users', { name, password, roles });
  expect(made.statusCode, made.body).toBe(201);
}

beforeAll(async () => {
  rig = await apiRig();
  expect((await call('POST', '/projects', { name: 'acme' })).statusCode).toBe(201);
});
afterAll(() => rig[Symbol.asyncDispose]());

describe('every route, as everybody', () => {
  const table = [
    ...readFileSync(join(import.meta.dirname, '../../docs/roles.md'), 'utf8').matchAll(
      /^\| `(\w+) (\S+)` \| ([^|]+) \| ([^|]+) \|$/gm,
    ),
  ].map(([, method = '', path = '', scopes = '', roles = '']) => ({ route: `${method} ${path}`, scopes, roles }));
  const holders = new Map<string, { headers: Headers; isIn: (row: (typeof table)[number]) => boolean }>();
  const has = (list: string, word: string) => list.split(', ').includes(word) || list === 'everybody';

  beforeAll(async () => {
    const inAcme = { 'hearth-project': 'acme' };
    for (const scope of ['read', 'invoke', 'deploy', 'admin'] as const) {
      const given = await call('POST', '/tokens', { name: scope, scope }, { ...rig.as.admin, ...inAcme });
      const headers = { authorization: `Bearer ${given.json().secret}` };
      holders.set(`token ${scope}`, { headers, isIn: ({ scopes }) => has(scopes, scope) });
      const isIn = ({ scopes }: (typeof table)[number]) =>
        has(scopes, scope) || (scope === 'admin' && has(scopes, 'admin for all projects'));
      holders.set(`token ${scope} for all`, { headers: { ...rig.as[scope], ...inAcme }, isIn });
    }
    for (const role of ['viewer', 'operator', 'developer', 'owner'] as const) {
      await newUser(`matrix-${role}`, [{ project: 'acme', role }]);
      const headers = await signedIn(`matrix-${role}`);
      holders.set(`user ${role}`, { headers, isIn: ({ roles }) => has(roles, role) });
      await newUser(`matrix-all-${role}`, [{ project: '*', role }]);
      const isIn = ({ roles }: (typeof table)[number]) =>
        has(roles, role) || (role === 'owner' && has(roles, 'owner of all projects'));
      holders.set(`user ${role} of all`, { headers: { ...(await signedIn(`matrix-all-${role}`)), ...inAcme }, isIn });
    }
  });

  test('the table has every route', async () => {
    const routes = (await apiOperations()).filter(({ access }) => access !== undefined);
    expect(table.map(({ route }) => route)).toEqual(routes.map(({ method, path }) => `${method} ${path}`));
    expect(table.length).toBeGreaterThan(45);
  });

  test.each(table)('$route', async (row) => {
    const [method = '', path = ''] = row.route.split(' ');
    const url = path
      .replace('{id}', newId('invocation'))
      .replace('{version}', '1')
      .replaceAll(/\{\w+\}/g, 'nobody');
    expect(holders.size).toBe(16);
    for (const [holder, { headers, isIn }] of holders) {
      // A stream does not end, so it is only asked for by those who may not have it.
      if (url.endsWith('/stream') && isIn(row)) continue;
      const response = await rig.app.inject({
        method: method as 'GET',
        url,
        headers,
        payload: method === 'GET' ? '' : {},
      });
      const code = response.statusCode === 403 ? String(response.json().code) : '';
      const isRefused = ['scope_missing', 'role_missing'].includes(code);
      expect([holder, isRefused], response.body).toEqual([holder, !isIn(row)]);
    }
  });
});

describe('users', () => {
  test('come in, see their projects, and go', async () => {
    await newUser('ada', [{ project: 'acme', role: 'developer' }]);
    const ada = await signedIn('ada');
    expect((await call('GET', '/whoami', undefined, ada)).json()).toMatchObject({
      name: 'ada',
      scope: 'developer',
      project: 'acme',
      isPlatformWide: false,
    });
    expect((await call('GET', '/projects', undefined, ada)).json().items.map((p: { name: string }) => p.name)).toEqual([
      'acme',
    ]);
    const inDefault = await call('GET', '/functions', undefined, { ...ada, 'hearth-project': 'default' });
    expect(inDefault.json().code).toBe('project_not_found');
    const made = await call('POST', '/functions', { name: 'hers', files: { 'index.mjs': 'x' } }, ada);
    expect(made.json().version.createdBy).toBe('ada');
    expect((await call('DELETE', '/sessions/current', undefined, ada)).statusCode).toBe(204);
    expect((await call('GET', '/whoami', undefined, ada)).statusCode).toBe(401);
  });

  test('nothing says which of user and password is wrong', async () => {
    await newUser('off');
    await newUser('bob');
    await call('PATCH', '/users/off', { isDisabled: true });
    expect((await call('POST', '/users', { name: 'no-password' })).json()).toMatchObject({ hasPassword: false });
    const bodies = new Set<string>();
    for (const [user, given] of [
      ['bob', 'wrong password'],
      ['nobody', password],
      ['off', password],
      ['no-password', password],
      ['__proto__', password],
    ] as const) {
      const response = await signIn(user, given);
      expect(response.statusCode).toBe(401);
      bodies.add(response.body.replace(/"requestId":"[^"]*"/, ''));
    }
    expect(bodies.size).toBe(1);
  });

  test('a new password ends all other sessions; a disabled user has none', async () => {
    await newUser('eve', [{ project: 'default', role: 'viewer' }]);
    const there = await signedIn('eve');
    const here = await signedIn('eve');
    const { items } = (await call('GET', '/sessions', undefined, here)).json();
    expect(items.map((item: { isCurrent: boolean }) => item.isCurrent).sort()).toEqual([false, true]);
    const change = (currentPassword: string, newPassword: string) =>
      call('PUT', '/password', { currentPassword, newPassword }, here);
    expect((await change('not this one', 'another password')).json().code).toBe('password_wrong');
    expect((await change(password, 'Eve')).statusCode).toBe(400);
    expect((await change(password, 'another password')).statusCode).toBe(204);
    expect((await call('GET', '/whoami', undefined, there)).statusCode).toBe(401);
    expect((await call('GET', '/whoami', undefined, here)).statusCode).toBe(200);
    expect((await signIn('eve')).statusCode).toBe(401);
    expect((await signIn('eve', 'another password')).statusCode).toBe(201);
    await call('PATCH', '/users/eve', { isDisabled: true });
    expect((await call('GET', '/whoami', undefined, here)).statusCode).toBe(401);
  });

  test('sessions and roles are there after a restart, and end with their time', async () => {
    await newUser('ida', [{ project: '*', role: 'viewer' }]);
    const { token } = (await signIn('ida')).json();
    const again = await rig.restart();
    expect(again.sessions.authenticate(token)?.user).toMatchObject({ name: 'ida', roles: [{ project: '*' }] });
    await call('DELETE', '/users/ida');
    expect((await rig.restart()).sessions.authenticate(token)).toBeUndefined();
  });

  test('the last owner of everything stays', async () => {
    for (const name of ['matrix-all-owner']) await call('DELETE', `/users/${name}`);
    await newUser('first', [{ project: '*', role: 'owner' }]);
    await call('DELETE', '/users/matrix-all-owner');
    const last = { code: 'last_owner' };
    expect((await call('DELETE', '/users/first')).json()).toMatchObject(last);
    expect((await call('PATCH', '/users/first', { isDisabled: true })).json()).toMatchObject(last);
    expect((await call('PATCH', '/users/first', { roles: [{ project: '*', role: 'viewer' }] })).json()).toMatchObject(
      last,
    );
    await newUser('second', [{ project: '*', role: 'owner' }]);
    expect((await call('PATCH', '/users/first', { roles: [] })).statusCode).toBe(200);
    expect((await call('DELETE', '/users/second')).json()).toMatchObject(last);
  });

  test('owners of a project give roles in it, and nothing more', async () => {
    await newUser('boss', [{ project: 'acme', role: 'owner' }]);
    await newUser('new-hand');
    const boss = await signedIn('boss');
    const put = (user: string, role: string) => call('PUT', `/members/${user}`, { role }, boss);
    expect((await put('new-hand', 'operator')).json()).toEqual({ name: 'new-hand', role: 'operator' });
    expect((await put('nobody', 'operator')).json().code).toBe('user_not_found');
    expect((await call('GET', '/members', undefined, boss)).json().items).toContainEqual({
      name: 'new-hand',
      role: 'operator',
    });
    expect((await call('GET', '/whoami', undefined, await signedIn('new-hand'))).json().project).toBe('acme');
    expect((await call('DELETE', '/members/new-hand', undefined, boss)).statusCode).toBe(204);
    expect((await call('DELETE', '/members/new-hand', undefined, boss)).json().code).toBe('member_not_found');
    expect((await call('DELETE', '/members/matrix-owner', undefined, boss)).statusCode).toBe(204);
    expect((await put('boss', 'developer')).json().code).toBe('last_owner');
    expect((await call('DELETE', '/members/boss', undefined, boss)).json().code).toBe('last_owner');
    expect((await put('new-hand', 'owner')).statusCode).toBe(200);
    await call('PATCH', '/users/new-hand', { isDisabled: true });
    expect((await put('boss', 'viewer')).json().code).toBe('last_owner');
    await call('PATCH', '/users/new-hand', { isDisabled: false });
    expect((await call('DELETE', '/members/new-hand', undefined, boss)).statusCode).toBe(204);
    const lost = await call('GET', '/functions', undefined, await signedIn('new-hand'));
    expect([lost.statusCode, lost.json().code]).toEqual([403, 'role_missing']);
  });

  test('no password and no hash is ever seen again', async () => {
    const everything = [
      (await call('GET', '/users?limit=200')).body,
      (await call('GET', '/audit?limit=200')).body,
      JSON.stringify(await rig.store.audit.list({ limit: 1000, cursor: undefined })),
    ].join();
    expect(everything).toContain('user.create');
    expect(everything).not.toContain(password);
    expect(everything).not.toContain('argon2id');
  });
});

describe('guessing', () => {
  test('ten failures, then 429 even for the right password, from that address and for that account alone', async () => {
    await newUser('target');
    await newUser('neighbour');
    const from = '2001:db8:7:7::1';
    const sameNet = '2001:db8:7:7:ffff::9';
    const answers = await Promise.all(Array.from({ length: 25 }, () => signIn('target', 'a wrong guess', from)));
    const statuses = answers.map(({ statusCode }) => statusCode);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(15);
    const right = await signIn('target', password, sameNet);
    expect([right.statusCode, right.json().code]).toEqual([429, 'too_many_sign_ins']);
    expect(Number(right.headers['retry-after'])).toBeGreaterThan(800);
    expect((await signIn('target', password, '2001:db8:7:8::1')).statusCode).toBe(201);
    expect((await signIn('neighbour', password, from)).statusCode).toBe(201);
    const entries = (await call('GET', '/audit?limit=200')).json().items;
    const throttled = entries.filter((entry: { action: string }) => entry.action === 'session.throttled');
    expect(throttled).toMatchObject([{ target: 'target', address: from }]);

    const again = await rig.restart();
    await expect(again.sessions.signIn('target', password, from)).rejects.toMatchObject({
      kind: 'throttled',
      code: 'too_many_sign_ins',
    });
  });

  test('a list of names from one address is stopped too', async () => {
    const from = '198.51.100.9';
    const statuses = await Promise.all(
      Array.from({ length: 103 }, async (_, i) => (await signIn(`name-${i}`, 'a guess', from)).statusCode),
    );
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(3);
    expect((await signIn('neighbour', password, from)).statusCode).toBe(429);
    expect((await signIn('neighbour', password, '198.51.100.10')).statusCode).toBe(201);
  });

  test('right passwords are never counted', async () => {
    await newUser('often');
    for (let i = 0; i < 12; i++) expect((await signIn('often', password, '203.0.113.5')).statusCode).toBe(201);
  });
});
