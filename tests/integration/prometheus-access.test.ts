import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiRig, apiRig } from '../support/api-rig.ts';

/** `/metrics` names the functions of every project. */
describe('the page of Prometheus', () => {
  let local: ApiRig;
  /** Behind a proxy on the same machine. */
  let proxied: ApiRig;
  beforeAll(async () => {
    [local, proxied] = await Promise.all([apiRig(), apiRig({ trustProxy: true })]);
  });
  afterAll(async () => {
    await Promise.all([local, proxied].map((rig) => rig[Symbol.asyncDispose]()));
  });
  const statusOf = async ({ app }: ApiRig, headers: Readonly<Record<string, string>>) =>
    (await app.inject({ url: '/metrics', headers })).statusCode;

  test.each(['127.0.0.1:3000', '[::1]:3000', 'localhost'])('is open on this machine as %s', async (host) => {
    for (const rig of [local, proxied]) expect(await statusOf(rig, { host })).toBe(200);
  });

  test.each([
    ['another name, as after DNS rebinding', { host: 'evil.example' }],
    ['a name that begins like one of this machine', { host: '127.0.0.1.evil.example' }],
    ['a name that begins with localhost', { host: 'localhost.evil.example:3000' }],
    [
      'another name by a script that says what a proxy would',
      { host: 'evil.example', 'x-forwarded-host': 'localhost' },
    ],
    ['a proxy that asks in its own name', { host: '127.0.0.1:3000', 'x-forwarded-for': '203.0.113.7' }],
    ['a proxy that says which name was asked for', { host: 'localhost', 'x-forwarded-host': 'hearth.example.org' }],
    ['a proxy that speaks RFC 7239', { host: 'localhost', forwarded: 'for=203.0.113.7' }],
    ['a proxy that says that it is one', { host: 'localhost', via: '1.1 proxy' }],
  ])('needs a token by %s', async (_by, headers) => {
    for (const rig of [local, proxied]) {
      expect(await statusOf(rig, headers)).toBe(401);
      expect(await statusOf(rig, { ...headers, ...rig.as.read })).toBe(200);
    }
  });

  test('needs a token for all projects where others can reach the listener', async () => {
    await using open = await apiRig({ isLoopbackOnly: false });
    expect(await statusOf(open, {})).toBe(401);
    expect(await statusOf(open, open.as.read)).toBe(200);
    const bound = await open.app.inject({
      method: 'POST',
      url: '/api/v1/tokens',
      headers: { ...open.as.admin, 'hearth-project': 'default' },
      payload: { name: 'bound', scope: 'read', isPlatformWide: false },
    });
    expect(await statusOf(open, { authorization: `Bearer ${bound.json<{ secret: string }>().secret}` })).toBe(403);
  });
});
