import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hourMs } from '../../shared/durations.ts';
import { httpMessageType } from '../../shared/http-message.ts';
import { limits } from '../../shared/limits.ts';
import { ManualClock } from '../fakes/manual-clock.ts';
import { type ApiRig, apiRig } from '../support/api-rig.ts';

let rig: ApiRig;
let clock: ManualClock;
beforeEach(async () => {
  clock = new ManualClock();
  rig = await apiRig({ clock });
  expect((await call('POST', '/hello', undefined, '')).statusCode).toBe(404);
  const files = { 'index.mjs': 'live' };
  expect((await call('POST', '', { name: 'hello', files, memoryMb: 256, env: { A: '1' } })).statusCode).toBe(201);
});
afterEach(() => rig[Symbol.asyncDispose]());

function call(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, payload?: object, scope = 'admin') {
  const headers = scope === '' ? {} : rig.as[scope as keyof ApiRig['as']];
  const url = scope === '' ? path : `/api/v1/functions${path}`;
  return rig.app.inject({ method, url, headers, ...(payload && { payload }) });
}
const draftOf = async (text: string, more: object = {}) => {
  const made = await call('POST', '/hello/drafts', { files: { 'index.mjs': text }, ...more }, 'deploy');
  expect(made.statusCode, made.body).toBe(201);
  return made.json().draft as { id: string; digest: string; expiresAt: string };
};
const ids = async () => (await call('GET', '/hello/drafts')).json().items.map(({ id }: { id: string }) => id);
/** Prunes run behind the answer. */
const pruned = () => expect.poll(() => rig.bundles.held.size);

describe('a draft', () => {
  test('is built like a version that has the settings of the latest one, and is nowhere among versions', async () => {
    const made = await call('POST', '/hello/drafts', { files: { 'index.mjs': 'new' }, timeoutMs: 700 });
    expect(made.statusCode, made.body).toBe(201);
    const { draft, buildLog } = made.json();
    expect(draft).toMatchObject({
      functionName: 'hello',
      config: { memoryMb: 256, timeoutMs: 700, env: { A: '1' }, snapshots: true },
      fileCount: 1,
      createdBy: 'test admin',
      createdAt: '2030-01-01T00:00:00.000Z',
      expiresAt: '2030-01-01T01:00:00.000Z',
    });
    expect(buildLog).toEqual(['built 1 files']);
    expect(made.headers['location']).toBe(`/api/v1/functions/hello/drafts/${draft.id}`);
    expect(await ids()).toEqual([draft.id]);
    const versions = (await call('GET', '/hello/versions')).json().items;
    expect(versions.map(({ version }: { version: number }) => version)).toEqual([1]);
    expect((await call('GET', '/hello')).json()).toMatchObject({ latestVersion: 1, liveVersion: 1, url: /hello$/ });
    expect(rig.pool.provisioned).toEqual([]);
    const next = await call('POST', '/hello/versions', { files: { 'index.mjs': 'new' } });
    expect(next.json().version.version).toBe(2);
  });

  test('is called on its own path alone, as version 0, and kept by calls', async () => {
    const { id } = await draftOf('new');
    clock.advance(hourMs - 1);
    const answer = await call('POST', `/hello/drafts/${id}/invocations`, { a: 1 }, 'deploy');
    expect([answer.statusCode, answer.json()]).toEqual([200, { a: 1 }]);
    expect(answer.headers['hearth-invocation-id']).toMatch(/^inv_/);
    const [invocation] = rig.scheduler.calls;
    expect(invocation).toMatchObject({ qualifier: id, trigger: 'api', version: { version: 0, functionName: 'hello' } });
    expect(invocation?.version.config).toMatchObject({ memoryMb: 256, snapshots: false });
    for (const qualifier of [id, 'draft', '0']) {
      for (const mode of ['sync', 'async']) {
        const other = await call('POST', `/hello/invocations?qualifier=${qualifier}&mode=${mode}`, {});
        expect(other.json().code).toBe('qualifier_not_found');
      }
    }
    expect((await call('PUT', '/hello/aliases/live', { versions: [{ version: 0 }] })).statusCode).toBe(400);
    clock.advance(hourMs - 1);
    expect(await ids()).toEqual([id]);
    clock.advance(1);
    expect(await ids()).toEqual([]);
    expect((await call('POST', `/hello/drafts/${id}/invocations`, {})).json().code).toBe('draft_not_found');
  });

  test('takes an HTTP request as a message, hands it on as the gateway would, and answers with one', async () => {
    const { id } = await draftOf('new');
    const send = (payload: string) =>
      rig.app.inject({
        method: 'POST',
        url: `/api/v1/functions/hello/drafts/${id}/requests`,
        headers: { ...rig.as.deploy, 'content-type': httpMessageType },
        payload,
      });
    const headers = [
      ['Host', 'shop.test'],
      ['X-Mine', 'a'],
      ['x-mine', 'b'],
      ['Connection', 'close'],
      ['X-Forwarded-For', '6.6.6.6'],
      ['Hearth-Caller', 'token root'],
    ];
    const head = { method: 'PUT', target: '/orders/7?x=1', headers, params: { id: '7' } };
    const answer = await send(`${JSON.stringify(head)}\n{"a":\n1}`);
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, httpMessageType]);
    expect(answer.body).toBe('{"status":200,"headers":[["content-type","application/json"]]}\nnull');
    expect(rig.scheduler.calls[0]).toMatchObject({
      version: { version: 0 },
      qualifier: id,
      request: {
        kind: 'http',
        method: 'PUT',
        target: '/orders/7?x=1',
        host: 'shop.test',
        scheme: 'http',
        params: { id: '7' },
        clientAddress: '127.0.0.1',
        body: Buffer.from('{"a":\n1}'),
        headers: [
          ...['host', 'shop.test', 'x-mine', 'a', 'x-mine', 'b', 'content-length', '8'],
          ...['x-forwarded-for', '127.0.0.1', 'x-forwarded-proto', 'http'],
        ],
      },
    });
    for (const [bad, path] of [
      [{ ...head, method: 'get it' }, 'method'],
      [{ ...head, target: 'http://elsewhere/' }, 'target'],
      [{ ...head, headers: [['x', 'a\r\nb']] }, 'headers.0.1'],
    ] as const)
      expect((await send(`${JSON.stringify(bad)}\n`)).json()).toMatchObject({
        code: 'bad_message',
        errors: [{ path }],
      });
    expect((await send(JSON.stringify(head))).json()).toMatchObject({ status: 400, code: 'bad_message' });
    expect((await send('no json\n')).json()).toMatchObject({ status: 400, code: 'bad_json' });
    expect((await send(`${JSON.stringify(head)}\n${'x'.repeat(limits.maxRequestBytes + 1)}`)).statusCode).toBe(413);
    expect(rig.scheduler.calls).toHaveLength(1);
  });

  test('can be made, called and deleted by nobody who may not deploy', async () => {
    const { id } = await draftOf('new');
    for (const scope of ['read', 'invoke']) {
      for (const [method, path] of [
        ['POST', '/hello/drafts'],
        ['POST', `/hello/drafts/${id}/invocations`],
        ['POST', `/hello/drafts/${id}/requests`],
        ['DELETE', `/hello/drafts/${id}`],
      ] as const)
        expect((await call(method, path, {}, scope)).json().code).toBe('scope_missing');
    }
    expect(rig.scheduler.calls).toEqual([]);
    expect(await ids()).toEqual([id]);
    expect(rig.bundles.builds).toBe(2);
  });

  test.each([
    [{ promote: false }, 400, 'invalid_input'],
    [{ routes: [] }, 400, 'invalid_input'],
    [{ files: { broken: '' } }, 422, 'build_failed'],
    [{ secrets: ['NOT_SET'] }, 422, 'secret_not_set'],
    [{ runtime: 'python', files: { 'main.py': '' } }, 422, 'runtime_missing'],
    [{ handler: 'other.handler' }, 400, 'code_missing'],
    [{ runtime: 'image', image: { reference: 'x:1' }, isolation: 'docker' }, 400, 'draft_of_image'],
  ])('is refused as a deployment would be: %j', async (body, status, code) => {
    const refused = await call('POST', '/hello/drafts', body);
    expect([refused.statusCode, refused.json().code], refused.body).toEqual([status, code]);
    expect(await ids()).toEqual([]);
  });

  test('is audited without values', async () => {
    const { id, digest } = await draftOf('new', { env: { A: 'hidden', B: 'hidden' } });
    expect((await call('DELETE', `/hello/drafts/${id}`)).statusCode).toBe(204);
    expect((await call('DELETE', `/hello/drafts/${id}`)).json().code).toBe('draft_not_found');
    const audit = await rig.app.inject({ url: '/api/v1/audit?limit=2', headers: rig.as.admin });
    expect(audit.json().items).toMatchObject([
      { action: 'draft.delete', target: 'hello', detail: { draft: id } },
      {
        action: 'draft.create',
        target: 'hello',
        actor: 'test deploy',
        detail: { draft: id, after: { digest, config: { env: ['A', 'B'] } } },
      },
    ]);
    expect(audit.body).not.toContain('hidden');
  });

  test('of a disabled function is not called', async () => {
    const { id } = await draftOf('new');
    expect((await call('PATCH', '/hello', { enabled: false })).statusCode).toBe(200);
    expect((await call('POST', `/hello/drafts/${id}/invocations`, {})).json().code).toBe('function_disabled');
    expect(rig.scheduler.calls).toEqual([]);
  });

  test('takes payloads as large as its own configuration says', async () => {
    const { id } = await draftOf('new', { maxRequestBytes: 10 });
    const answer = await call('POST', `/hello/drafts/${id}/invocations`, { text: 'x'.repeat(10) });
    expect([answer.statusCode, answer.json().code]).toEqual([413, 'payload_too_large']);
  });
});

describe('what drafts leave behind', () => {
  test('the one that was not called for longest goes when there are too many, with its instances and its bundle', async () => {
    const first = await draftOf('draft 0');
    const second = await draftOf('draft 1');
    await call('POST', `/hello/drafts/${first.id}/invocations`, {});
    for (let number = 2; number <= limits.maxDraftsPerFunction; number++) await draftOf(`draft ${number}`);
    expect(await ids()).toHaveLength(limits.maxDraftsPerFunction);
    expect(await ids()).not.toContain(second.id);
    expect(rig.pool.retired).toEqual(['a draft of hello: newer ones took its place']);
    await pruned().toBe(1 + limits.maxDraftsPerFunction);
    expect([...rig.bundles.held.keys()]).not.toContain(second.digest);
  });

  test('a bundle stays as long as something runs it: another draft, or a version', async () => {
    const [one, two] = [await draftOf('same'), await draftOf('same')];
    await call('DELETE', `/hello/drafts/${one.id}`);
    await rig.controlPlane.versions.files('hello', 1);
    await pruned().toBe(2);
    expect((await call('POST', '/hello/versions', { files: { 'index.mjs': 'same' } })).statusCode).toBe(201);
    await call('DELETE', `/hello/drafts/${two.id}`);
    await draftOf('last');
    clock.advance(hourMs);
    await pruned().toBe(2);
    expect([...rig.bundles.held.keys()]).toContain(two.digest);
  });

  test('drafts go with their function, also when there is one of that name again', async () => {
    const { id } = await draftOf('new');
    expect((await call('DELETE', '/hello')).statusCode).toBe(204);
    await pruned().toBe(0);
    expect(clock.pendingTimers).toBe(0);
    expect((await call('POST', '', { name: 'hello', files: { 'index.mjs': 'live' } })).statusCode).toBe(201);
    expect((await call('POST', `/hello/drafts/${id}/invocations`, {})).json().code).toBe('draft_not_found');
  });

  test('a restart begins without them, and without their bundles', async () => {
    await draftOf('new');
    const again = await rig.restart();
    expect(again.drafts.list('hello')).toEqual([]);
    expect(rig.bundles.held.size).toBe(2);
    again.provision();
    await pruned().toBe(1);
    await again.settled();
  });

  test('a function that is deleted while its draft is built has none', async () => {
    const build = Promise.withResolvers<void>();
    rig.bundles.gate = build.promise;
    const making = call('POST', '/hello/drafts', { files: { 'index.mjs': 'new' } });
    await expect.poll(() => rig.bundles.builds).toBe(2);
    await call('DELETE', '/hello');
    rig.bundles.gate = Promise.resolve();
    await call('POST', '', { name: 'hello', files: { 'index.mjs': 'live' } });
    build.resolve();
    expect((await making).json().code).toBe('changed_meanwhile');
    expect(await ids()).toEqual([]);
    await pruned().toBe(1);
  });
});
