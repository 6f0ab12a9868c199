import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Pools, poolsSchema, systemSchema } from '../../shared/api/system.ts';
import { whyNoEngine } from '../support/docker-daemon.ts';
import { eventually, type Platform, startPlatform, untilHealthy } from '../support/platform.ts';
import { hearth } from '../support/run-cli.ts';
import { skippedFor } from '../support/skip-reason.ts';

const dockerHost = process.env['DOCKER_HOST'] ?? '';
const reason = await whyNoEngine(dockerHost);

describe.skipIf(reason !== undefined)(`hearth images${skippedFor(reason)}`, () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform({ environment: { HEARTH_DOCKER_HOST: dockerHost } });
    await untilHealthy(platform, 'docker');
  });
  afterAll(async () => await platform.dispose());

  it('builds what is missing, tells its progress, and nothing the second time', async () => {
    const first = await hearth(platform, 'images', 'build');
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('python: reading the python runtime') });
    const names = first.stdout.trim().split('\n');
    const wanted = ['nodejs', 'python', 'custom', 'image'].map((runtime) =>
      expect.stringMatching(`^hearth/${runtime}:`),
    );
    expect(names).toEqual(wanted);
    const again = await hearth(platform, 'images', 'build', 'python');
    expect(again).toMatchObject({ code: 0, stdout: `${names[1]}\n`, stderr: expect.stringContaining('is up to date') });
    const listed = await hearth(platform, '--json', 'images', 'list');
    expect(JSON.parse(listed.stdout)).toEqual(
      expect.arrayContaining(names.map((reference) => expect.objectContaining({ reference, driver: 'docker' }))),
    );
    const system = systemSchema.parse(await (await platform.api('GET', '/api/v1/system')).json());
    for (const { digest, sizeBytes } of system.images ?? []) {
      expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(sizeBytes).toBeGreaterThan(0);
    }
    expect(system.images?.map(({ reference }) => reference)).toEqual(expect.arrayContaining(names));
    expect(system.drivers.find(({ name }) => name === 'docker')).toMatchObject({
      status: 'healthy',
      version: expect.stringMatching(/^\d+\.\d+.*, API 1\.\d+$/),
      reason: null,
      fix: null,
    });
  });

  it('tells which layer each start in a container came from', async () => {
    const limits = { isolation: 'docker', memoryMb: 256, timeoutMs: 60_000, initTimeoutMs: 60_000 };
    const node = { runtime: 'nodejs', files: { 'index.mjs': 'export const handler = () => 1;' } };
    const python = {
      runtime: 'python',
      handler: 'main.handler',
      files: { 'main.py': 'def handler(e, c): return 1\n' },
    };
    const deploy = async (name: string, source: object): Promise<void> => {
      const deployed = await platform.api('POST', '/api/v1/functions', { name, ...source, ...limits });
      expect(deployed.status, await deployed.clone().text()).toBe(201);
    };
    const startOf = async (name: string): Promise<string | undefined> => {
      const answer = await platform.api('POST', `/api/v1/functions/${name}/invocations`, {});
      expect(await answer.json()).toBe(1);
      return /^start;desc="([^"]+)"/.exec(answer.headers.get('server-timing') ?? '')?.[1];
    };
    const poolsOnce = async (isSo: (pools: Pools) => boolean): Promise<void> =>
      await eventually(async () => {
        const pools = poolsSchema.parse(await (await platform.api('GET', '/api/v1/system/pools')).json());
        if (!isSo(pools)) throw new Error(`not yet: ${JSON.stringify(pools)}`);
      }, 60_000);
    const waiting = (runtime: string) => (pools: Pools) =>
      pools.preWarmed.some((entry) => entry.runtime === runtime && entry.isolation === 'docker' && entry.count > 0);

    // What was used once is kept waiting for the next function of its shape.
    for (const [name, source, layer] of [
      ['node', node, 'pre-warmed'],
      ['python', python, 'preloaded'],
    ] as const) {
      await deploy(`${name}-cold`, source);
      expect(await startOf(`${name}-cold`)).toBe('cold');
      expect(await startOf(`${name}-cold`)).toBe('warm');
      await poolsOnce(waiting(source.runtime));
      await deploy(`${name}-waiting`, source);
      expect(await startOf(`${name}-waiting`)).toBe(layer);
    }
    await deploy('kept', { ...node, minInstances: 1 });
    await poolsOnce(({ pools }) =>
      pools.some(
        ({ functionName, instances }) => functionName === 'kept' && instances.some((one) => one.state === 'idle'),
      ),
    );
    expect(await startOf('kept')).toBe('provisioned');
  });

  it('refuses a runtime without an image, and callers who may only look', async () => {
    const refused = await hearth(platform, 'images', 'build', 'cobol');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('runtime');
    const created = await platform.api('POST', '/api/v1/tokens', { name: 'look', scope: 'read' });
    const { secret } = (await created.json()) as { secret: string };
    const headers = { authorization: `Bearer ${secret}` };
    const response = await platform.api('POST', '/api/v1/system/images', { runtime: 'nodejs' }, headers);
    expect(response.status).toBe(403);
  });
});

describe('hearth images without a daemon', () => {
  it('says what to do', async () => {
    const platform = await startPlatform({ environment: { HEARTH_DOCKER_HOST: 'unix:///nonexistent/docker.sock' } });
    try {
      const system = systemSchema.parse(await (await platform.api('GET', '/api/v1/system')).json());
      expect(system.drivers.find(({ name }) => name === 'docker')).toMatchObject({
        status: 'undetected',
        version: null,
        reason: expect.stringContaining('/nonexistent/docker.sock'),
        fix: expect.stringContaining('install and start it'),
      });
      expect(system.images).toEqual([]);
      const listed = await hearth(platform, 'images', 'list');
      expect(listed.code).toBe(8);
      expect(listed.stderr).toContain('install and start it');
    } finally {
      await platform.dispose();
    }
  });
});
