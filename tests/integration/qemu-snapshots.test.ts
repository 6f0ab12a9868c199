import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Pools } from '../../shared/api/system.ts';
import { eventually, type Platform, startPlatform, untilHealthy } from '../support/platform.ts';
import { whyNoQemu } from '../support/qemu-programs.ts';
import { skippedFor } from '../support/skip-reason.ts';

const why = whyNoQemu();

const environment = { HEARTH_QEMU: 'true', HEARTH_PREWARM: '0' };
const source = `const loaded = Math.random();
export const handler = (event) => {
  if (event.ends) process.exit(1);
  return { loaded, drawn: crypto.randomUUID() };
};`;

const path = '/api/v1/functions/frozen/invocations';

/** What a guest takes that was booted for 128 MB, about. */
const bootedMb = 230;

interface Answer {
  /** What the instance that answered was started from. */
  readonly instance: string | undefined;
  readonly loaded: number;
  readonly drawn: string;
}

/** Boots one guest for real. */
describe.skipIf(why !== undefined)(`functions in microVMs that start from snapshots${skippedFor(why)}`, () => {
  let platform: Platform | undefined;
  afterEach(async () => await platform?.dispose());

  it('boots once, restores from then on, also after a restart, and drops the snapshot with the function', async () => {
    platform = await startPlatform({ environment });
    await untilHealthy(platform, 'qemu');
    const files = { 'index.mjs': source };
    const own = { name: 'frozen', handler: 'index.handler', files, isolation: 'qemu', timeoutMs: 90_000 };
    const made = await platform.api('POST', '/api/v1/functions', own);
    expect(made.status, await made.text()).toBe(201);
    const answers = [await call(platform)];
    for (let i = 0; i < 2; i++) {
      // Behind every start one more copy is restored, and stands still.
      const copies = await pausedCopies(platform);
      expect(copies.memoryMb).toBeGreaterThan(0);
      expect(copies.memoryMb).toBeLessThan(bootedMb);
      await platform.api('POST', path, { ends: true });
      answers.push(await call(platform));
    }
    // A paused copy may run before the next call is there, which then says `warm`.
    expect(answers.map(({ instance }) => instance)).toEqual(['cold', 'restored', 'restored']);
    const { dataDirectory } = platform;
    const snapshots = () =>
      readdirSync(join(dataDirectory, 'run', 'snapshots', 'qemu')).map((name) => name.split('_')[0]);
    // One of the runtime, one of the version.
    await eventually(async () => expect(snapshots().sort()).toEqual(['shape', 'ver']));
    await platform.stop();
    platform = await startPlatform({ environment, dataDirectory });
    answers.push(await call(platform));
    expect(answers.at(-1)?.instance).toBe('restored');
    expect(new Set(answers.map(({ loaded }) => loaded)).size).toBe(1);
    expect(new Set(answers.map(({ drawn }) => drawn)).size).toBe(answers.length);
    expect((await platform.api('DELETE', '/api/v1/functions/frozen')).status).toBe(204);
    await eventually(async () => expect(snapshots()).toEqual(['shape']));
    // Another function of the same shape, which wants no snapshots of its own, boots nothing either.
    expect((await platform.api('POST', '/api/v1/functions', { ...own, snapshots: false })).status).toBe(201);
    const other = await call(platform);
    expect(other.instance).toMatch(/^(restored|pre-warmed)$/);
    expect(other.loaded).not.toBe(answers[0]?.loaded);
  }, 240_000);
});

const isUp = ({ state }: Pools['pools'][number]['instances'][number]): boolean => state === 'idle' || state === 'busy';

async function poolsOf(platform: Platform): Promise<Pools['pools']> {
  return ((await (await platform.api('GET', '/api/v1/system/pools')).json()) as Pools).pools;
}

/** Once there is one. */
async function pausedCopies(platform: Platform): Promise<{ count: number; memoryMb: number }> {
  return await eventually(async () => {
    const [pool] = await poolsOf(platform);
    const copies = pool?.pausedCopies ?? { count: 0, memoryMb: 0 };
    expect(copies.count).toBe(1);
    return copies;
  }, 60_000);
}

async function call(platform: Platform): Promise<Answer> {
  const response = await platform.api('POST', path, {});
  const text = await response.text();
  expect(response.status, text).toBe(200);
  // A function that was deleted has a pool until its last instance is gone.
  const instances = (await poolsOf(platform)).flatMap((pool) => pool.instances);
  return { instance: instances.find(isUp)?.start, ...(JSON.parse(text) as Omit<Answer, 'instance'>) };
}
