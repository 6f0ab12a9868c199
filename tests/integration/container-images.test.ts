import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toEngineEndpoint } from '../../backend/execution-engine/drivers/docker/engine/endpoint.ts';
import { EngineClient } from '../../backend/execution-engine/drivers/docker/engine/engine-client.ts';
import { type TarEntry, writeTar } from '../../backend/execution-engine/drivers/support/tar.ts';
import { deployedSchema } from '../../shared/api/functions.ts';
import { logPageSchema } from '../../shared/api/invocations.ts';
import { whyNoEngine } from '../support/docker-daemon.ts';
import { eventually, type Platform, startPlatform, untilHealthy } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';
import {
  compileStatic,
  imageArchive,
  makeTestImage,
  sha256,
  type TestImage,
  whyNoStaticPrograms,
} from '../support/test-image.ts';

const dockerHost = process.env['DOCKER_HOST'] ?? '';
const reason = (await whyNoEngine(dockerHost)) ?? whyNoStaticPrograms();

describe.skipIf(reason !== undefined)(`functions that are container images${skippedFor(reason)}`, () => {
  let platform: Platform;
  let engine: EngineClient;
  let server: TestImage;
  const tags: string[] = [];

  beforeAll(async () => {
    engine = new EngineClient({ endpoint: toEngineEndpoint(dockerHost) });
    const program: TarEntry = { kind: 'bytes', path: 'server', mode: 0o755, bytes: compileStatic('images/server.c') };
    const config = { Entrypoint: ['/server'], Env: ['GREETING=from the image'], Volumes: { '/data': {} }, User: '0' };
    server = await makeTestImage({ entries: [program, { kind: 'directory', path: 'tmp', mode: 0o1777 }], config });
    await load(server, 'hearth-test/server:1');
    const bootstrap: TarEntry = {
      kind: 'bytes',
      path: 'bootstrap',
      mode: 0o755,
      bytes: compileStatic('custom/bootstrap.c'),
    };
    await load(await makeTestImage({ entries: [bootstrap], config: { Cmd: ['/bootstrap'] } }), 'hearth-test/lambda:1');
    platform = await startPlatform({ environment: { HEARTH_DOCKER_HOST: dockerHost, HEARTH_PREWARM: '0' } });
    await untilHealthy(platform, 'docker');
  });
  afterAll(async () => {
    await platform.dispose();
    for (const tag of tags) await engine.removeImage(tag).catch(() => undefined);
    engine.close();
  });

  async function load(image: TestImage, tag: string): Promise<void> {
    await engine.loadImage(imageArchive(image, tag));
    tags.push(tag);
  }
  const create = async (name: string, image: object | null, more: object = {}): Promise<Response> =>
    await platform.api('POST', '/api/v1/functions', { name, image, ...more });
  async function deploy(name: string, image: object, more: object = {}) {
    const response = await create(name, image, more);
    expect(response.status, await response.clone().text()).toBe(201);
    return deployedSchema.parse(await response.json());
  }
  const get = async (path: string, init?: RequestInit): Promise<Response> =>
    await fetch(`${platform.gatewayUrl}${path}`, init);

  it('serves HTTP on PORT, behind the walls of every sandbox', async () => {
    const deployed = await deploy(
      'web',
      { reference: 'hearth-test/server:1' },
      { env: { GREETING: 'from the version' }, concurrency: 4 },
    );
    expect(deployed.version).toMatchObject({
      digest: sha256(server.configuration),
      fileCount: 0,
      config: { runtime: 'image', isolation: 'docker', image: { protocol: 'http', port: 8080, pinned: null } },
    });
    expect(await (await get('/web/about')).json()).toEqual({
      uid: expect.any(Number),
      port: '8080',
      greeting: 'from the version',
      home: '/tmp',
      root: 0,
      tmp: 1,
      data: 1,
      outside: 0,
      channel: 0,
    });
    const answer = await get('/web/a?b=1', { method: 'POST', body: 'x'.repeat(100_000) });
    expect([answer.status, answer.headers.get('x-from')]).toEqual([200, 'image']);
    expect(await answer.json()).toEqual({
      method: 'POST',
      path: '/a?b=1',
      host: new URL(platform.gatewayUrl).host,
      body: '100000',
    });
    const invoked = await platform.api('POST', '/api/v1/functions/web/invocations', { n: 1 });
    expect(await invoked.json()).toMatchObject({ method: 'POST', path: '/', body: '7' });
    expect([(await get('/web/missing')).status, await (await get('/web/stream')).text()]).toEqual([404, '0\n1\n2\n']);
    const many = await Promise.all([1, 2, 3, 4].map(async (n) => (await get(`/web/${n}`)).status));
    expect(many).toEqual([200, 200, 200, 200]);
    await eventually(async () => {
      const page = logPageSchema.parse(await (await platform.api('GET', '/api/v1/functions/web/logs')).json());
      expect(page.items.map((line) => line.text)).toContain('POST /a?b=1');
    });
    expect(await (await platform.api('GET', '/api/v1/functions/web/versions/1/files')).json()).toEqual({
      files: [],
      packages: null,
    });
  });

  it('takes the place of code, and gives it back, with nothing said but the image or the files', async () => {
    const files = { 'index.mjs': "export const handler = async () => 'code';" };
    expect((await create('moved', null, { files, isolation: 'process', memoryMb: 192 })).status).toBe(201);
    const next = async (body: object) => {
      const response = await platform.api('POST', '/api/v1/functions/moved/versions', body);
      expect(response.status, await response.clone().text()).toBe(201);
      return deployedSchema.parse(await response.json()).version.config;
    };
    const image = await next({ image: { reference: 'hearth-test/server:1' } });
    expect(image).toMatchObject({ runtime: 'image', isolation: 'docker', memoryMb: 192 });
    expect((await get('/moved/about')).status).toBe(200);
    const code = await next({ image: null, files, isolation: 'process' });
    expect(code).toMatchObject({ runtime: 'nodejs', handler: 'index.handler', image: null });
    expect(await (await get('/moved')).text()).toBe('code');
  });

  it('gives secrets to programs that no INIT reaches', async () => {
    const put = await platform.api('PUT', '/api/v1/secrets/GREETING', { value: 'kept secret' });
    expect(put.status, await put.clone().text()).toBeLessThan(300);
    await deploy('discreet', { reference: 'hearth-test/server:1' }, { secrets: ['GREETING'] });
    expect(await (await get('/discreet/about')).json()).toMatchObject({ greeting: 'kept secret' });
  });

  it('runs an entry point that speaks the Lambda Runtime API', async () => {
    await deploy('lambda', { reference: 'hearth-test/lambda:1', protocol: 'lambda' }, { handler: 'my.handler' });
    for (const n of [1, 2]) {
      const answer = await platform.api('POST', '/api/v1/functions/lambda/invocations', { n });
      expect(await answer.json()).toEqual({ event: { n }, name: 'lambda', memory: '128', handler: 'my.handler' });
    }
  });

  it('runs a program that speaks the agent protocol itself', async () => {
    const built = await platform.api('POST', '/api/v1/system/images', { runtime: 'nodejs' });
    const { reference } = (await built.json()) as { reference: string };
    const file = (path: string, text: string): TarEntry => ({
      kind: 'bytes',
      path,
      mode: 0o644,
      bytes: Buffer.from(text),
    });
    const context = [
      file('Dockerfile', `FROM ${reference}\nCOPY index.mjs /app/\nCMD ["/hearth/node", "/hearth/agent.cjs"]\n`),
      file('index.mjs', 'export const handler = (event, context) => ({ event, version: context.functionVersion });'),
    ];
    await engine.buildImage(Readable.from(writeTar(context), { objectMode: false }), { tag: 'hearth-test/agent:1' });
    tags.push('hearth-test/agent:1');
    await deploy('agent', { reference: 'hearth-test/agent:1', protocol: 'agent' }, { handler: 'index.handler' });
    for (const n of [1, 2]) {
      const answer = await platform.api('POST', '/api/v1/functions/agent/invocations', { n });
      expect(await answer.json()).toEqual({ event: { n }, version: '1' });
    }
  });

  it('a crash is an exit, a hang a timeout, and the next call has a new instance', async () => {
    await deploy('frail', { reference: 'hearth-test/server:1' }, { timeoutMs: 5000 });
    const crash = await get('/frail/crash');
    expect(crash.status).toBe(502);
    const id = crash.headers.get('hearth-invocation-id');
    await eventually(async () => {
      const detail = await (await platform.api('GET', `/api/v1/invocations/${id}`)).json();
      expect(detail).toMatchObject({
        status: 'function-fault',
        error: { type: 'exited', message: expect.stringContaining('SIGKILL') },
      });
    });
    expect((await get('/frail/after')).status).toBe(200);
    expect((await get('/frail/hang')).status).toBe(504);
    expect((await get('/frail/after')).status).toBe(200);
  });

  it('is asked to stop before it is killed', async () => {
    await deploy('polite', { reference: 'hearth-test/server:1' }, { idleTimeoutMs: 1000 });
    expect((await get('/polite')).status).toBe(200);
    await eventually(async () => {
      const page = logPageSchema.parse(await (await platform.api('GET', '/api/v1/functions/polite/logs')).json());
      expect(page.items.map((line) => line.text)).toContain('stopping in good order');
    });
  });

  it('one that is never ready has initTimeoutMs', async () => {
    await deploy('slow', { reference: 'hearth-test/server:1', readinessPath: '/missing' }, { initTimeoutMs: 2000 });
    const answer = await platform.api('POST', '/api/v1/functions/slow/invocations', null);
    expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([
      504,
      expect.stringContaining('2000 ms'),
    ]);
  });

  it('refuses what cannot run, with what to do', async () => {
    const other = process.arch === 'arm64' ? 'amd64' : 'arm64';
    await load(
      await makeTestImage({ entries: [], config: { Cmd: ['/x'] }, architecture: other }),
      'hearth-test/other:1',
    );
    await load(await makeTestImage({ entries: [], config: {} }), 'hearth-test/empty:1');
    const refusal = async (image: object | null, more: object = {}) => {
      const response = await create('refused', image, more);
      const { code, detail } = (await response.json()) as { code: string; detail: string };
      return [response.status, code, detail];
    };
    expect(await refusal({ reference: 'hearth-test/other:1' })).toEqual([
      422,
      'image_unusable',
      expect.stringContaining(`linux/${other}`),
    ]);
    expect(await refusal({ reference: 'hearth-test/empty:1' })).toEqual([
      422,
      'image_unusable',
      expect.stringContaining('ENTRYPOINT'),
    ]);
    expect(await refusal({ reference: 'hearth-test/server:1' }, { isolation: 'process' })).toEqual([
      400,
      'invalid_config',
      expect.stringContaining('docker'),
    ]);
    expect(await refusal({ reference: 'hearth-test/server:1' }, { files: { 'index.mjs': '' } })).toEqual([
      400,
      'image_with_code',
      expect.any(String),
    ]);
    expect(await refusal(null, { runtime: 'image' })).toEqual([
      400,
      'invalid_config',
      expect.stringContaining('image'),
    ]);
    expect((await refusal({ reference: 'not a name' }))[0]).toBe(400);
  });

  it('leaves nothing behind', async () => {
    await platform.stop();
    const left = await engine.listContainers({ label: ['hearth.sandbox'] });
    expect(left.filter((container) => container.Labels?.['hearth.owner']?.includes(`"pid":${platform.pid},`))).toEqual(
      [],
    );
  });
});
