import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ErrorGroupId } from '../../backend/core/ports/error-groups.ts';
import { newId } from '../../shared/ids.ts';
import { type ApiRig, apiRig, brokenPlace } from '../support/api-rig.ts';

let rig: ApiRig;
beforeAll(async () => {
  rig = await apiRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

const code = 'export const handler = async (event) => event;';
const call = (method: string, url: string, json?: unknown, headers: Record<string, string> = {}) =>
  rig.app.inject({
    method: method as 'GET',
    url,
    headers: { ...rig.as.admin, ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(json === undefined ? {} : { payload: JSON.stringify(json) }),
  });
const deploy = (name: string, more: object = {}) =>
  call('POST', '/api/v1/functions', { name, files: { 'index.mjs': code }, ...more });

describe('functions', () => {
  test('deploy, read, change, delete', async () => {
    const created = await deploy('hello', { description: 'says hello', tags: ['a', 'a', 'b'], memoryMb: 256 });
    expect(created.statusCode, created.body).toBe(201);
    expect(created.headers['location']).toBe('/api/v1/functions/hello');
    const document = created.json();
    expect(document.function).toMatchObject({ name: 'hello', tags: ['a', 'b'], liveVersion: 1, latestVersion: 1 });
    expect(document.version.config).toMatchObject({ memoryMb: 256, timeoutMs: 30_000, isolation: 'process' });
    expect(document.url).toBe('http://127.0.0.1:8080/hello');
    expect(document.buildLog).toEqual(['built 1 files']);

    const read = await call('GET', '/api/v1/functions/hello?stats=1');
    expect(read.json().stats).toMatchObject({ windowMs: 3_600_000, p50Ms: null });
    const etag = String(read.headers['etag']);
    const changed = await call('PATCH', '/api/v1/functions/hello', { description: 'x' }, { 'if-match': etag });
    expect(changed.statusCode).toBe(200);
    const stale = await call('PATCH', '/api/v1/functions/hello', { description: 'y' }, { 'if-match': etag });
    expect(stale.statusCode).toBe(412);
    expect(stale.json().code).toBe('etag_mismatch');

    expect((await call('DELETE', '/api/v1/functions/hello')).statusCode).toBe(204);
    expect((await call('GET', '/api/v1/functions/hello')).json().code).toBe('function_not_found');
    expect(rig.errors).toEqual([]);
  });

  test('a second version inherits settings, moves live, and the old one is retired; rollback moves it back', async () => {
    await deploy('twice', { env: { A: '1' }, timeoutMs: 5000 });
    const second = await call('POST', '/api/v1/functions/twice/versions', { files: { 'index.mjs': `${code}//2` } });
    expect(second.statusCode, second.body).toBe(201);
    expect(second.json().version).toMatchObject({
      version: 2,
      aliases: ['live'],
      config: { env: { A: '1' }, timeoutMs: 5000 },
    });
    expect(`${rig.pool.retired.at(-1)}; now ${rig.pool.expected[0]?.version}`).toMatch(/^version 1 of twice.*; now 2$/);
    const back = await call('PUT', '/api/v1/functions/twice/aliases/live', { versions: [{ version: 1 }] });
    expect(back.json().versions).toEqual([{ version: 1, weight: 1 }]);
    expect((await call('GET', '/api/v1/functions/twice')).json().liveVersion).toBe(1);
    const listed = await call('GET', '/api/v1/functions/twice/versions?limit=1');
    expect(listed.json().items[0].version).toBe(2);
    const next = await call('GET', `/api/v1/functions/twice/versions?limit=1&cursor=${listed.json().nextCursor}`);
    expect(next.json().items[0].version).toBe(1);
    const deployments = await call('GET', '/api/v1/deployments?function=twice&limit=1');
    expect(deployments.json()).toMatchObject({ items: [{ functionName: 'twice', version: 2 }], isComplete: false });
    const [{ at }] = deployments.json().items;
    const after = new Date(Date.parse(at) + 1).toISOString();
    expect((await call('GET', `/api/v1/deployments?from=${after}`)).json()).toEqual({ items: [], isComplete: true });
    const all = (await call('GET', `/api/v1/deployments?to=${after}`)).json();
    expect(all.items.map((item: { version: number }) => item.version).slice(0, 2)).toEqual([2, 1]);
    expect((await call('GET', '/api/v1/deployments?function=nobody')).statusCode).toBe(404);

    const files = await call('GET', '/api/v1/functions/twice/versions/1/files');
    expect(files.json().files).toMatchObject([{ path: 'index.mjs', sizeBytes: code.length, text: code }]);
    const reused = await call('POST', '/api/v1/functions/twice/versions', { memoryMb: 512 });
    expect(reused.json().version).toMatchObject({ version: 3, config: { memoryMb: 512, timeoutMs: 5000 } });
  });

  test('files are those that were uploaded, with the packages that the build noted down', async () => {
    const packages = {
      installer: 'npm',
      isBundled: true,
      items: [{ name: 'ms', version: '2.1.3', sizeBytes: 12 }],
    };
    const files = {
      '.hearth/build.json': JSON.stringify({ format: 1, made: ['index.mjs', 'node_modules/'], packages }),
      '.hearth/source/index.mjs': 'source',
      'index.mjs': 'bundle',
      'node_modules/ms/index.js': '',
      'a.mjs': 'a',
    };
    await call('POST', '/api/v1/functions', { name: 'packed', files });
    const answer = (await call('GET', '/api/v1/functions/packed/versions/1/files')).json();
    expect(answer.packages).toEqual(packages);
    expect(answer.files).toMatchObject([
      { path: 'a.mjs', sizeBytes: 1, text: 'a' },
      { path: 'index.mjs', sizeBytes: 6, text: 'source' },
    ]);
    await call('POST', '/api/v1/functions', { name: 'plain', files: { '.hearth/build.json': '{"my":"own"}' } });
    const plain = (await call('GET', '/api/v1/functions/plain/versions/1/files')).json();
    expect(plain).toMatchObject({ files: [{ path: '.hearth/build.json' }], packages: null });
  });

  test('errors are listed in groups, which are resolved, ignored and opened again', async () => {
    const made = await deploy('fails', {});
    const functionId = made.json().function.id;
    const id = `err_${'ab'.repeat(12)}`;
    const now = Date.now();
    await rig.store.errorGroups.add([
      {
        id: id as ErrorGroupId,
        functionId,
        functionName: 'fails',
        type: 'RangeError',
        message: 'too far',
        frame: 'handler (index.mjs)',
        stack: 'RangeError: too far',
        count: 2,
        firstSeenAt: now - 5000,
        lastSeenAt: now,
        ...{ firstVersion: 0, lastVersion: 1, lastInvocationId: newId('invocation') },
        tallies: [{ version: 1, hourAt: Math.floor(now / 3_600_000) * 3_600_000, count: 2 }],
      },
    ]);
    const listed = await call('GET', '/api/v1/errors?function=fails&state=open');
    const seen = { id, count: 2, versions: [1], state: 'open', firstVersion: null, lastVersion: 1, liveVersion: 1 };
    expect(listed.json()).toMatchObject({ items: [seen], nextCursor: null });
    expect(listed.json().items[0].sparkline.at(-1)).toBe(2);
    const resolved = await call('PATCH', `/api/v1/errors/${id}`, { state: 'resolved' });
    expect(resolved.json()).toMatchObject({ id, state: 'resolved' });
    expect((await call('GET', '/api/v1/errors?state=open')).json().items).toEqual([]);
    expect((await call('GET', `/api/v1/errors/${id}`)).json()).toMatchObject({
      state: 'resolved',
      stack: 'RangeError: too far',
    });
    expect((await call('PATCH', `/api/v1/errors/${id}`, { state: 'gone' })).statusCode).toBe(400);
    for (const unknown of ['err_1', `err_${'0'.repeat(24)}`]) {
      expect((await call('GET', `/api/v1/errors/${unknown}`)).json().code).toBe('error_group_not_found');
      const changed = await call('PATCH', `/api/v1/errors/${unknown}`, { state: 'open' });
      expect(changed.json().code).toBe('error_group_not_found');
    }
  });

  test('a failed build leaves the old version serving and says why', async () => {
    await deploy('stays');
    const broken = await call('POST', '/api/v1/functions/stays/versions', { files: { broken: '' } });
    expect(broken.statusCode).toBe(422);
    expect(broken.json()).toMatchObject({ code: 'build_failed', buildLog: ['no'], buildErrors: [brokenPlace] });
    expect((await call('GET', '/api/v1/functions/stays')).json()).toMatchObject({ liveVersion: 1, latestVersion: 1 });
  });

  test('conflicts name the other function', async () => {
    await deploy('first', { routes: [{ path: '/shop/:item', methods: ['GET'] }] });
    const taken = await deploy('second', { routes: [{ path: '/shop/:other', methods: ['GET', 'POST'] }] });
    expect(taken.statusCode).toBe(409);
    expect(taken.json()).toMatchObject({ code: 'route_taken' });
    expect(taken.json().detail).toContain('first');
    expect((await deploy('first')).json().code).toBe('name_taken');
    expect((await deploy('third', { routes: [{ path: '/shop/:other', methods: ['POST'] }] })).statusCode).toBe(201);
    const squatter = await deploy('fourth', { routes: [{ path: '/fifth' }] });
    expect(squatter.statusCode).toBe(201);
    expect((await deploy('fifth')).json().code).toBe('route_taken');
  });

  test('what the host cannot do is refused with reason and fix', async () => {
    const docker = await deploy('boxed', { isolation: 'docker' });
    expect(docker.statusCode).toBe(422);
    expect(docker.json().detail).toBe('isolation docker is not available: no Docker socket; install Docker');
    const loose = (await deploy('loose', { isolation: 'unsandboxed' })).json();
    expect(loose.code).toBe('isolation_unavailable');
    expect(loose.detail).toContain('HEARTH_ALLOW_UNSANDBOXED=true');
    const switches = { firecracker: 'HEARTH_FIRECRACKER=true', nanos: 'HEARTH_NANOS_HOME=', qemu: 'HEARTH_QEMU=true' };
    for (const [isolation, named] of Object.entries(switches)) {
      const off = (await deploy('off', { isolation })).json();
      expect(off).toMatchObject({ code: 'isolation_unavailable', detail: expect.stringContaining(named) });
    }
    expect((await deploy('snake', { runtime: 'python' })).json().code).toBe('runtime_missing');
    expect((await deploy('huge', { memoryMb: 8192 })).json().code).toBe('memory_over_host');
    expect((await call('POST', '/api/v1/functions', { name: 'empty' })).json().code).toBe('code_missing');
  });

  test('no more places are reserved than the host has, and a tenth of them for nobody', async () => {
    const wanting = (places: number) => ({ maxInstances: 100, reservedConcurrency: places });
    expect((await deploy('roomy', wanting(60))).statusCode).toBe(201);
    const refused = await deploy('snug', wanting(31));
    expect(refused.json()).toMatchObject({ code: 'reservations_over_host', errors: [{ path: 'reservedConcurrency' }] });
    expect(refused.json().detail).toContain('ask for at most 30');
    expect((await deploy('snug', wanting(30))).statusCode).toBe(201);
    expect([...rig.scheduler.reserved.values()].sort()).toEqual([30, 60]);

    const versions = '/api/v1/functions/roomy/versions';
    const files = { 'index.mjs': 'export const handler = () => 1;' };
    expect((await call('POST', versions, { files, reservedConcurrency: 61 })).statusCode).toBe(422);
    const aside = await call('POST', versions, { files, reservedConcurrency: 61, promote: false });
    expect(aside.statusCode).toBe(201);
    const live = '/api/v1/functions/roomy/aliases/live';
    const moved = await call('PUT', live, { versions: [{ version: 1 }, { version: 2 }] });
    expect(moved.json().code).toBe('reservations_over_host');
    expect((await call('DELETE', '/api/v1/functions/snug')).statusCode).toBe(204);
    expect((await call('PUT', live, { versions: [{ version: 1 }, { version: 2 }] })).statusCode).toBe(200);
    expect([...rig.scheduler.reserved.values()]).toEqual([61]);
    const pools = (await call('GET', '/api/v1/system/pools')).json();
    expect(pools.places).toEqual({ total: 100, reserved: 0, taken: 0 });
  });

  test('a limit that is not enforced: refused when chosen, a warning when it is a default', async () => {
    rig.health.process = {
      status: 'healthy',
      version: '1',
      tier: 'basic',
      enforces: new Set(['memory', 'network', 'tmp', 'pids']),
      notes: [],
    };
    await rig.controlPlane.inventory.refresh();
    const chosen = await deploy('half', { cpus: 0.5 });
    expect(chosen.json()).toMatchObject({ code: 'limit_not_enforced', errors: [{ path: 'cpus' }] });
    const silent = await deploy('half');
    expect(silent.json().buildLog).toContain(
      'warning: isolation process does not enforce the cpu limit on this host; the default of cpus has no effect',
    );
  });

  test('concurrent deploys of one name: one wins', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => deploy('race')));
    expect(all.filter((one) => one.statusCode === 201)).toHaveLength(1);
    expect(all.filter((one) => one.json().code === 'name_taken')).toHaveLength(7);
    const versions = await Promise.all(
      Array.from({ length: 5 }, () => call('POST', '/api/v1/functions/race/versions', { message: 'x' })),
    );
    expect(versions.map((one) => one.json().version.version).sort()).toEqual([2, 3, 4, 5, 6]);
  });

  test('after a restart the directory says the same', async () => {
    const again = await rig.restart();
    expect([...again.directory.entries()].map((entry) => entry.record.name).sort()).toEqual(
      [...rig.controlPlane.directory.entries()].map((entry) => entry.record.name).sort(),
    );
    expect(again.directory.matchRoute('GET', '/shop/7')).toEqual(
      rig.controlPlane.directory.matchRoute('GET', '/shop/7'),
    );
  });
});

describe('multipart deploys', () => {
  const form = (parts: readonly [string, string, string][]) => {
    const boundary = 'xxBOUNDARYxx';
    const body = parts.map(
      ([head, type, text]) =>
        `--${boundary}\r\nContent-Disposition: form-data; ${head}\r\nContent-Type: ${type}\r\n\r\n${text}\r\n`,
    );
    return {
      headers: { ...rig.as.deploy, 'content-type': `multipart/form-data; boundary=${boundary}` },
      payload: `${body.join('')}--${boundary}--\r\n`,
    };
  };
  const send = (parts: readonly [string, string, string][]) =>
    rig.app.inject({ method: 'POST', url: '/api/v1/functions', ...form(parts) });
  const zip: [string, string, string] = ['name="bundle"; filename="a.zip"', 'application/zip', 'PK\u0003\u0004rest'];

  test('config and bundle in either order', async () => {
    const first = await send([['name="config"', 'application/json', '{"name":"zipped"}'], zip]);
    expect(first.statusCode, first.body).toBe(201);
    const second = await send([zip, ['name="config"; filename="c.json"', 'application/json', '{"name":"zipped-2"}']]);
    expect(second.statusCode, second.body).toBe(201);
  });

  test.each([
    ['no bundle', [['name="config"', 'application/json', '{"name":"a"}']], 'bad_upload'],
    ['no archive', [['name="bundle"; filename="a"', 'application/zip', 'hello']], 'bad_upload'],
    ['another part', [['name="x"', 'text/plain', 'y']], 'bad_upload'],
    ['bad JSON', [['name="config"', 'text/plain', '{"name":'], zip], 'bad_json'],
    ['a prototype', [['name="config"', 'text/plain', '{"__proto__":{}}'], zip], 'bad_json'],
    ['bad config', [['name="config"', 'application/json', '{"name":"A B"}'], zip], 'invalid_input'],
    ['code twice', [['name="config"', 'application/json', '{"name":"a","files":{"x":""}}'], zip], 'bad_upload'],
  ] as [string, [string, string, string][], string][])('%s: refused', async (_name, parts, expected) => {
    const answer = await send(parts);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().code).toBe(expected);
  });

  test('nothing is left in the upload folder', async () => {
    const { readdirSync } = await import('node:fs');
    await expect.poll(() => readdirSync(rig.directory).filter((name) => name.startsWith('upload-'))).toEqual([]);
  });
});

describe('invocations', () => {
  beforeAll(async () => {
    await deploy('echo');
  });
  const invoke = (payload: string | Buffer, query = '', headers: Record<string, string> = {}) =>
    rig.app.inject({
      method: 'POST',
      url: `/api/v1/functions/echo/invocations${query}`,
      headers: { ...rig.as.invoke, ...headers },
      payload,
    });

  test('synchronous: the result as it is, with its headers', async () => {
    const answer = await invoke('{"a":1}', '', { 'content-type': 'application/json' });
    expect(answer.statusCode).toBe(200);
    expect(answer.body).toBe('{"a":1}');
    expect(answer.headers['hearth-invocation-id']).toMatch(/^inv_/);
    expect(answer.headers['hearth-start']).toBe('warm');
    expect(answer.headers['server-timing']).toContain('handler;dur=3, ');
    expect(answer.headers['content-type']).toContain('application/json');
    const plain = await invoke('[1]', '', { 'content-type': 'text/plain' });
    expect(plain.body).toBe('[1]');
    expect((await invoke('')).body).toBe('null');
    expect((await invoke('{"a":')).json()).toMatchObject({ status: 400, code: 'bad_json' });
  });

  test('a traceparent is passed on when it is valid', async () => {
    const valid = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await invoke('1', '', { traceparent: valid });
    expect(rig.scheduler.calls.at(-1)?.traceparent).toBe(valid);
    await invoke('1', '', { traceparent: '00-00000000000000000000000000000000-b7ad6b7169203331-01' });
    expect(rig.scheduler.calls.at(-1)?.traceparent).toBeUndefined();
  });

  test.each([
    [{ kind: 'function-error', type: 'TypeError', message: 'no', stack: 'at x' }, 502, 'function_error'],
    [{ kind: 'function-fault', fault: 'timeout', message: 'late' }, 504, 'function_timeout'],
    [{ kind: 'function-fault', fault: 'out-of-memory', message: 'm' }, 502, 'out_of_memory'],
    [{ kind: 'function-fault', fault: 'exited', message: 'm' }, 502, 'function_exited'],
    [{ kind: 'platform-fault', fault: 'sandbox-lost', message: 'm', retryable: true }, 503, 'sandbox_lost'],
    [{ kind: 'cancelled', message: 'm' }, 409, 'invocation_cancelled'],
  ] as const)('outcome %j', async (outcome, status, expected) => {
    const { script } = rig.scheduler;
    rig.scheduler.script = async () => outcome;
    const answer = await invoke('1');
    rig.scheduler.script = script;
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(answer.json()).toMatchObject({ code: expected, invocationId: answer.headers['hearth-invocation-id'] });
    if (outcome.kind === 'function-error')
      expect(answer.json().error).toEqual({ type: 'TypeError', message: 'no', stack: 'at x' });
  });

  test('throttled: 429 with Retry-After', async () => {
    const { script } = rig.scheduler;
    const { PlatformError } = await import('../../shared/errors.ts');
    rig.scheduler.script = async () => {
      throw new PlatformError('throttled', 'queue_full', 'full', { retryAfterSeconds: 1.2 });
    };
    const answer = await invoke('1');
    rig.scheduler.script = script;
    expect(answer.statusCode).toBe(429);
    expect(answer.headers['retry-after']).toBe('2');
  });

  test('a slow or large response flows before the call is over; a late failure cuts the connection', async () => {
    const { script } = rig.scheduler;
    const url = await rig.app.listen({ port: 0, host: '127.0.0.1' });
    const post = () => fetch(`${url}/api/v1/functions/echo/invocations`, { method: 'POST', headers: rig.as.admin });
    const head = { status: 201, headers: ['Content-Type', 'text/plain', 'Set-Cookie', 'a=b'], isEventResult: false };
    const over = Promise.withResolvers<void>();
    rig.scheduler.script = async (_invocation, sink) => {
      sink.head(head);
      sink.chunk(Buffer.from('first'));
      await over.promise;
      sink.chunk(Buffer.from('second'));
      return { kind: 'success' };
    };
    const slow = await post();
    expect(slow.headers.get('content-type')).toBe('text/plain');
    expect(slow.headers.get('set-cookie')).toBeNull();
    expect(slow.headers.get('hearth-function-status')).toBe('201');
    over.resolve();
    expect(await slow.text()).toBe('firstsecond');

    const part = Buffer.alloc(300_000, 'x');
    rig.scheduler.script = async (_invocation, sink) => {
      sink.head(head);
      for (let i = 0; i < 20; i++) await sink.chunk(part);
      return { kind: 'success' };
    };
    expect((await (await post()).arrayBuffer()).byteLength).toBe(6_000_000);

    rig.scheduler.script = async (_invocation, sink) => {
      sink.head(head);
      for (let i = 0; i < 20; i++) await sink.chunk(part);
      return { kind: 'function-fault', fault: 'exited', message: 'died' };
    };
    await expect((await post()).arrayBuffer()).rejects.toThrow();

    const aborted = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    rig.scheduler.script = async (_invocation, _sink, signal) => {
      signal.addEventListener('abort', () => aborted.resolve());
      started.resolve();
      await aborted.promise;
      return { kind: 'cancelled', message: 'gone' };
    };
    const controller = new AbortController();
    const gone = fetch(`${url}/api/v1/functions/echo/invocations`, {
      method: 'POST',
      headers: rig.as.admin,
      signal: controller.signal,
    });
    await started.promise;
    controller.abort();
    await expect(gone).rejects.toThrow();
    await aborted.promise;
    rig.scheduler.script = script;
  });

  test('asynchronous: on disk at 202, found, idempotent, cancelled once', async () => {
    const first = await invoke('{"n":1}', '?mode=async&delayMs=600000', { 'idempotency-key': 'k1' });
    expect(first.statusCode, first.body).toBe(202);
    const { id, location } = first.json();
    expect(first.headers['location']).toBe(location);
    const again = await invoke('{"n":1}', '?mode=async&delayMs=600000', { 'idempotency-key': 'k1' });
    expect(again.json().id).toBe(id);
    const reused = await invoke('{"n":2}', '?mode=async', { 'idempotency-key': 'k1' });
    expect([reused.statusCode, reused.json().code]).toEqual([422, 'idempotency_key_reused']);
    const found = await call('GET', location);
    expect(found.json(), found.body).toMatchObject({ status: 'queued', payload: { n: 1 }, result: null });
    expect((await call('GET', '/api/v1/invocations?status=queued&function=echo')).json().items[0].id).toBe(id);
    const replayed = await call('POST', `${location}/replay`);
    expect(replayed.statusCode, replayed.body).toBe(202);
    expect((await call('GET', replayed.json().location)).json()).toMatchObject({ replayOf: id, trigger: 'replay' });
    expect((await call('DELETE', location)).statusCode).toBe(204);
    expect((await call('DELETE', location)).json().code).toBe('invocation_over');
    expect((await call('GET', '/api/v1/invocations/inv_nonsense')).json().code).toBe('invocation_not_found');
  });

  test('too large, and counted', async () => {
    const from = rig.refusals.length;
    expect((await invoke(`"${'x'.repeat(1024 * 1024)}"`, '?mode=async')).statusCode).toBe(413);
    expect((await invoke(`"${'x'.repeat(6 * 1024 * 1024)}"`)).json().code).toBe('payload_too_large');
    expect((await invoke('1', '?delayMs=5')).json()).toMatchObject({
      code: 'invalid_input',
      errors: [{ path: 'delayMs' }],
    });
    // Names that callers make up are no labels.
    expect((await call('POST', '/api/v1/functions/nowhere/invocations?delayMs=5', {})).statusCode).toBe(404);
    const reasons = ['payload_too_large', 'payload_too_large', 'invalid_request'];
    expect(rig.refusals.slice(from)).toMatchObject(
      reasons.map((reason) => ({ kind: 'refusal', functionName: 'echo', reason })),
    );
  });

  test('a disabled function answers 503', async () => {
    await deploy('off');
    await call('PATCH', '/api/v1/functions/off', { enabled: false });
    const answer = await call('POST', '/api/v1/functions/off/invocations', {});
    expect(answer.statusCode).toBe(503);
    expect(answer.json().code).toBe('function_disabled');
    expect(rig.refusals.at(-1)).toMatchObject({ kind: 'refusal', functionName: 'off', reason: 'unavailable' });
  });
});

describe('triggers', () => {
  test('routes and schedules are listed, run and checked', async () => {
    const schedules = [{ name: 'nightly', cron: '0 3 * * *', timeZone: 'Europe/Berlin', payload: { a: 1 } }];
    expect((await deploy('timed', { schedules })).statusCode).toBe(201);
    const listed = (await call('GET', '/api/v1/schedules?function=timed')).json();
    expect(listed.items[0]).toMatchObject({ name: 'nightly', payload: { a: 1 }, enabled: true, alias: 'live' });
    expect(listed.items[0].nextTicks).toHaveLength(5);
    const run = await call('POST', `/api/v1/schedules/${listed.items[0].id}/run`);
    expect(run.statusCode, run.body).toBe(202);
    const routes = (await call('GET', '/api/v1/routes?function=timed')).json();
    expect(routes.items).toEqual([
      {
        ...{ id: 'default:timed', functionName: 'timed', path: '/timed/*', methods: [], alias: 'live' },
        ...{ access: 'public', isDefault: true },
      },
    ]);
    const timed = '/api/v1/functions/timed';
    for (const bad of [
      { name: 'x', cron: '99 * * * *' },
      { name: 'x', cron: '0 0 31 2 *' },
      { name: 'x', cron: '* * * * *', timeZone: 'Mars/Base' },
    ]) {
      expect((await call('PATCH', timed, { schedules: [bad] })).json().code).toBe('bad_schedule');
    }
    const body = { routes: [{ path: '/a', alias: 'beta' }] };
    const answers = [await call('PATCH', timed, body), await call('POST', `${timed}/versions/preview`, body)];
    expect(answers.map((answer) => answer.json().code)).toEqual(['alias_missing', 'alias_missing']);
  });

  test('a schedule is paused and resumed, says when it would run, and what it did', async () => {
    const schedule = { name: 'nightly', cron: '0 3 * * *' };
    expect((await deploy('pausing', { schedules: [schedule] })).statusCode).toBe(201);
    const { items } = (await call('GET', '/api/v1/schedules?function=pausing')).json();
    const path = `/api/v1/schedules/${items[0].id}`;
    expect(items[0]).toMatchObject({ enabled: true, wouldRunAt: null });
    const { etag } = (await call('GET', '/api/v1/functions/pausing')).headers;
    const paused = await call('PATCH', path, { enabled: false });
    expect(paused.json()).toMatchObject({ enabled: false, nextTicks: [], wouldRunAt: items[0].nextTicks[0] });
    // Who sends back what was read before would resume it unseen.
    const stale = await call(
      'PATCH',
      '/api/v1/functions/pausing',
      { schedules: [schedule] },
      { 'if-match': `${etag}` },
    );
    expect(stale.statusCode).toBe(412);
    const run = (await call('POST', `${path}/run`)).json();
    const runs = (await call('GET', `${path}/runs?limit=5`)).json();
    expect(runs.items).toMatchObject([{ kind: 'manual', invocationId: run.id, status: expect.any(String) }]);
    expect((await call('PATCH', path, { enabled: true })).json()).toMatchObject({
      ...{ id: items[0].id, enabled: true, nextTicks: items[0].nextTicks, wouldRunAt: null },
    });
    for (const [method, url] of [
      ['PATCH', ''],
      ['GET', '/runs'],
    ] as const) {
      const missing = await call(
        method,
        `/api/v1/schedules/sch_none${url}`,
        method === 'PATCH' ? { enabled: true } : undefined,
      );
      expect(missing.json().code).toBe('schedule_not_found');
    }
  });

  test('a payload as text is kept to the letter', async () => {
    const payloadText = '{ "id": 12345678901234567890,\n  "price": 1.10 }';
    const schedules = [{ name: 'exact', cron: '@daily', payloadText }];
    expect((await deploy('exact', { schedules })).statusCode).toBe(201);
    const { items } = (await call('GET', '/api/v1/schedules?function=exact')).json();
    expect(items[0]).toMatchObject({ payloadText, payload: { price: 1.1 } });
    const change = async (more: object) =>
      (await call('PATCH', '/api/v1/functions/exact', { schedules: [{ ...schedules[0], ...more }] })).json();
    expect(await change({ payloadText: '{' })).toMatchObject({ code: 'bad_schedule' });
    expect((await change({ payload: 1 })).detail).toContain('not both');
    expect((await change({ payloadText: `"${'x'.repeat(1_048_576)}"` })).status).toBe(400);
  });
});

describe('access', () => {
  test('scopes', async () => {
    const get = (scope: 'admin' | 'deploy' | 'invoke' | 'read', url: string) =>
      rig.app.inject({ method: 'GET', url, headers: rig.as[scope] });
    expect((await get('read', '/api/v1/functions')).statusCode).toBe(200);
    expect((await get('invoke', '/api/v1/functions')).json().code).toBe('scope_missing');
    expect((await get('invoke', '/api/v1/invocations')).statusCode).toBe(200);
    expect((await get('deploy', '/api/v1/tokens')).statusCode).toBe(403);
    expect((await get('admin', '/api/v1/tokens')).json().items).toHaveLength(4);
    expect((await get('read', '/api/v1/whoami')).json()).toMatchObject({ name: 'test read', scope: 'read' });
  });

  test('a token works until it is revoked; the last admin stays', async () => {
    const created = (await call('POST', '/api/v1/tokens', { name: 'ci', scope: 'read' })).json();
    expect(created.secret).toMatch(/^hearth_[\w-]{43}$/);
    const headers = { authorization: `Bearer ${created.secret}` };
    expect((await rig.app.inject({ url: '/api/v1/whoami', headers })).statusCode).toBe(200);
    expect((await call('DELETE', `/api/v1/tokens/${created.id}`)).statusCode).toBe(204);
    expect((await rig.app.inject({ url: '/api/v1/whoami', headers })).statusCode).toBe(401);
    const { tokenId } = (await call('GET', '/api/v1/whoami')).json();
    expect((await call('DELETE', `/api/v1/tokens/${tokenId}`)).json().code).toBe('last_admin_token');
  });

  test('changes are in the audit trail', async () => {
    await deploy('audited');
    const { items } = (await call('GET', '/api/v1/audit?limit=1')).json();
    expect(items[0]).toMatchObject({
      action: 'function.create',
      target: 'audited',
      actor: 'test admin',
      address: '127.0.0.1',
    });
  });
});

describe('HTTP', () => {
  test('unknown paths, wrong methods, OPTIONS, HEAD', async () => {
    const missing = await call('GET', '/api/v1/nothing');
    expect(missing.json()).toMatchObject({ status: 404, code: 'route_not_found' });
    expect(missing.headers['content-type']).toContain('application/problem+json');
    const wrong = await call('PUT', '/api/v1/functions');
    expect(wrong.statusCode).toBe(405);
    expect(wrong.headers['allow']).toBe('GET, HEAD, POST, OPTIONS');
    const options = await call('OPTIONS', '/api/v1/functions/x');
    expect(options.statusCode).toBe(204);
    expect(options.headers['allow']).toBe('DELETE, GET, HEAD, PATCH, OPTIONS');
    const head = await call('HEAD', '/api/v1/functions');
    expect(head.statusCode).toBe(200);
    expect(head.body).toBe('');
  });

  test.each([
    ['no JSON', '{"name": }', 'application/json', 400, 'bad_json'],
    ['a prototype', '{"__proto__":{"x":1}}', 'application/json', 400, 'bad_json'],
    ['a constructor', '{"constructor":{"prototype":{}}}', 'application/json', 400, 'bad_json'],
    ['depth', `{"name":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 'application/json', 400, 'bad_json'],
    ['XML', '<x/>', 'application/xml', 415, 'unsupported_media_type'],
    ['an unknown field', '{"name":"a","surprise":1}', 'application/json', 400, 'invalid_input'],
  ])('%s is refused', async (_what, payload, type, status, expected) => {
    const answer = await rig.app.inject({
      method: 'POST',
      url: '/api/v1/functions',
      headers: { ...rig.as.admin, 'content-type': type },
      payload,
    });
    expect(answer.statusCode).toBe(status);
    expect(answer.json().code).toBe(expected);
    expect(Reflect.get({}, 'x')).toBeUndefined();
  });

  test('a bad JSON says where; a bad field says which', async () => {
    const at = await rig.app.inject({
      method: 'POST',
      url: '/api/v1/functions',
      headers: { ...rig.as.admin, 'content-type': 'application/json' },
      payload: '{\n "name": oops }',
    });
    expect(at.json().detail).toContain('position 11 (line 2, column 10)');
    const field = await deploy('ok', { batch: { maxSize: 0, windowMs: 1 } });
    expect(field.json().errors[0].path).toBe('batch.maxSize');
  });

  test('two Host headers, bad bytes', async () => {
    const { connect } = await import('node:net');
    const [address] = rig.app.addresses() as AddressInfo[];
    const raw = (bytes: string) =>
      new Promise<string>((resolve, reject) => {
        let text = '';
        const socket = connect(Number(address?.port), '127.0.0.1', () => socket.write(bytes));
        socket.on('data', (data) => {
          text += data;
        });
        socket.on('close', () => resolve(text));
        socket.on('error', reject);
      });
    const twice = await raw('GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n');
    expect(twice).toMatch(/^HTTP\/1.1 400 /);
    const garbage = await raw('NOT HTTP\r\n\r\n');
    expect(garbage).toMatch(/^HTTP\/1.1 400 Invalid request\r\ncontent-type: application\/problem\+json/);
  });

  test('security headers, request ids', async () => {
    const answer = await call('GET', '/api/v1/functions', undefined, { 'x-request-id': 'abcdefgh-1' });
    expect(answer.headers).toMatchObject({
      'x-request-id': 'abcdefgh-1',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      'cache-control': 'no-store',
    });
    const other = await call('GET', '/api/v1/functions', undefined, { 'x-request-id': '<script>' });
    expect(other.headers['x-request-id']).toMatch(/^req_/);
  });

  test('the past of host and pool; callers in one project see only that of the host', async () => {
    const range = '?from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z';
    const whole = await call('GET', `/api/v1/metrics/gauges${range}`);
    expect(whole.json().points[0].gauges).toMatchObject({ cpuPercent: { mean: 1, max: 2 }, inFlight: { mean: 1 } });
    const part = await call('GET', `/api/v1/metrics/gauges${range}`, undefined, { 'hearth-project': 'default' });
    const { gauges } = part.json().points[0];
    const seen = Object.keys(gauges).filter((name) => gauges[name] !== null);
    expect(seen).toEqual([
      'cpuPercent',
      'cpus',
      'memoryUsedBytes',
      'memoryTotalBytes',
      'platformRssBytes',
      'diskUsedBytes',
      'diskTotalBytes',
      'loopLagMs',
    ]);
    for (const query of [
      '?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
      '?from=2026-01-01T00:00:00Z&stepMs=1000',
    ])
      expect((await call('GET', `/api/v1/metrics/gauges${query}`)).json().code).toBe('bad_range');
  });

  test('health, readiness, version, metrics', async () => {
    expect((await rig.app.inject('/healthz')).json()).toEqual({ status: 'ok' });
    expect((await rig.app.inject('/readyz')).json()).toMatchObject({ ready: true });
    expect((await rig.app.inject('/version')).json().version).toBe('0.1.0');
    const metrics = await rig.app.inject('/metrics');
    expect(metrics.headers['content-type']).toContain('text/plain; version=0.0.4');
    expect(metrics.body).toBe('hearth_up 1\n');
    await using closed = await apiRig({ isLoopbackOnly: false });
    closed.health.process = { status: 'unhealthy', reason: 'broken', fix: 'mend it' };
    await closed.controlPlane.inventory.refresh();
    const notReady = await closed.app.inject('/readyz');
    expect(notReady.statusCode).toBe(503);
  });
});
