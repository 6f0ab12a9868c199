import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemSchema } from '../../shared/api/system.ts';
import { OwnDaemon, whyNoDaemon } from '../support/docker-daemon.ts';
import { eventually, type Platform, startPlatform, untilHealthy } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';

const why = whyNoDaemon();
const source = `export async function handler({ ms }) {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return 'done';
}`;

describe.skipIf(why !== undefined)(`a platform whose Docker daemon comes and goes${skippedFor(why)}`, () => {
  const daemon = new OwnDaemon();
  let platform: Platform;
  beforeAll(async () => {
    await daemon.start();
    platform = await startPlatform({ environment: { HEARTH_DOCKER_HOST: daemon.host, HEARTH_PREWARM: '0' } });
  });
  afterAll(async () => {
    await platform?.dispose();
    await daemon.remove();
  });

  const docker = async () => {
    const system = systemSchema.parse(await (await platform.api('GET', '/api/v1/system')).json());
    return system.drivers.find(({ name }) => name === 'docker');
  };
  const call = (ms: number, query = '') => platform.api('POST', `/api/v1/functions/works/invocations${query}`, { ms });

  it('fails calls as documented, retries by policy, and is unhealthy and healthy again by itself', async () => {
    await untilHealthy(platform, 'docker');
    const created = await platform.api('POST', '/api/v1/functions', {
      name: 'works',
      isolation: 'docker',
      files: { 'index.mjs': source },
      retry: { maxAttempts: 20, maxAgeMs: 3_600_000, minBackoffMs: 500, maxBackoffMs: 2000 },
    });
    expect(created.status, await created.clone().text()).toBe(201);
    // The first start may take longer than a call waits on a busy host.
    await eventually(async () => expect((await call(0)).status).toBe(200));
    const running = call(25_000);
    await eventually(async () => {
      const { pools } = (await (await platform.api('GET', '/api/v1/system/pools')).json()) as {
        pools: { instances: { inFlight: number }[] }[];
      };
      expect(pools.flatMap(({ instances }) => instances).some(({ inFlight }) => inFlight > 0)).toBe(true);
    });
    // In an orderly way: the daemon ends its containers.
    await daemon.stop();
    const failed = await running;
    expect(failed.status).toBe(502);
    expect(await failed.json()).toMatchObject({ code: 'function_exited' });
    const accepted = (await (await call(0, '?mode=async')).json()) as { id: string };
    await eventually(async () => expect(await docker()).toMatchObject({ status: 'undetected', version: null }));
    expect(await docker()).toMatchObject({
      reason: expect.stringContaining('no Docker daemon'),
      fix: expect.stringContaining('start it'),
    });

    await daemon.start();
    await untilHealthy(platform, 'docker');
    expect(await docker()).toMatchObject({ reason: null });
    expect((await call(0)).status).toBe(200);
    await eventually(async () => {
      const record = await (await platform.api('GET', `/api/v1/invocations/${accepted.id}`)).json();
      expect(record).toMatchObject({ status: 'success', result: 'done' });
    });
  });
});
