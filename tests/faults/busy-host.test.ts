import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCgroupMounts } from '../../backend/execution-engine/drivers/support/cgroup-hierarchies.ts';
import { buildStale } from '../../scripts/build.ts';
import { whyNoEngine } from '../support/docker-daemon.ts';
import { eventually, type Platform, startPlatform, untilHealthy } from '../support/platform.ts';
import { platformTree } from '../support/process-tree.ts';
import { skippedFor } from '../support/skip-reason.ts';

const dockerHost = process.env['DOCKER_HOST'] ?? '';
/** Weights of a version 1 and of a version 2 hierarchy for one whole CPU; runc writes Docker's shares into version 2 as a weight. */
const levels = [
  { isolation: 'process', environment: {}, reason: undefined, sharesOfOne: 1024 },
  {
    isolation: 'docker',
    environment: { HEARTH_DOCKER_HOST: dockerHost },
    reason: await whyNoEngine(dockerHost),
    sharesOfOne: 64,
  },
] as const;
/** Longer than anything here waits; they end with the suite. */
const loopMs = 180_000;

describe.each(levels)(
  'busy loops on every core, isolation $isolation',
  ({ isolation, environment, reason, sharesOfOne }) => {
    describe.skipIf(reason !== undefined)(`beside others${skippedFor(reason)}`, () => {
      let platform: Platform;
      const stopped = new AbortController();
      const loops: Promise<number>[] = [];

      beforeAll(async () => {
        await buildStale(['guest', 'server']);
        platform = await startPlatform({ environment: { ...environment, HEARTH_ISOLATION: isolation } });
        await untilHealthy(platform, isolation);
        const wait = `import { setTimeout as sleep } from 'node:timers/promises';
        export async function handler(event) { await sleep(event?.ms ?? 0); return { waited: true }; }`;
        await deploy('calm', wait, { timeoutMs: 30_000 });
        await deploy('late', wait, { timeoutMs: 1000 });
        for (const name of ['calm', 'late'])
          await eventually(async () => expect((await call(name, 0)).status).toBe(200));
        const loop = 'export const handler = () => { for (;;); };';
        await deploy('tenth', loop, { cpus: 0.1, timeoutMs: loopMs });
        await deploy('whole', loop, { cpus: 1, timeoutMs: loopMs, maxInstances: availableParallelism() + 1 });
        begin('tenth');
        // Alone at first: beside other loops its weight would give it less than its quota, and nothing would hold it.
        await eventually(() => expect(tenths().some(({ throttled }) => throttled > 0)).toBe(true), 60_000);
        for (let n = 0; n <= availableParallelism(); n++) begin('whole');
        await eventually(() => expect(groups().filter(({ quotaUs }) => quotaUs > 0).length).toBeGreaterThan(2));
      });
      afterAll(async () => {
        stopped.abort();
        await Promise.all(loops);
        await platform?.dispose();
      });

      async function deploy(name: string, source: string, config: object): Promise<void> {
        const made = await platform.api('POST', '/api/v1/functions', {
          name,
          files: { 'index.mjs': source },
          ...config,
        });
        expect(made.status, await made.text()).toBe(201);
      }
      function begin(name: string): void {
        const call = fetch(`${platform.gatewayUrl}/${name}`, { signal: stopped.signal });
        loops.push(call.then((response) => response.status).catch(() => 0));
      }
      const call = async (name: string, ms: number): Promise<Response> =>
        await platform.api('POST', `/api/v1/functions/${name}/invocations`, { ms });
      const groups = (): readonly CpuGroup[] => {
        const pids = isolation === 'docker' ? containerPids() : platformTree(platform.pid).map(({ pid }) => pid);
        return [...new Set(pids.map(groupOf))].filter((path) => path !== '').map(cpuGroup);
      };
      /** Of the function that loops, and of a sandbox like it that waits. */
      const tenths = (): readonly CpuGroup[] => groups().filter(({ quotaUs, periodUs }) => quotaUs * 10 === periodUs);

      it('are held to their quota, and weigh what they were promised', async () => {
        await eventually(() => {
          const [held] = tenths();
          const whole = groups().find(({ quotaUs, periodUs }) => quotaUs === periodUs);
          expect([held, whole].map((group) => group?.weight)).toEqual(
            held?.version === 1
              ? [Math.round(sharesOfOne / 10), sharesOfOne]
              : [expect.any(Number), expect.any(Number)],
          );
          expect(held?.weight).toBeLessThan(whole?.weight ?? 0);
        }, 60_000);
      });

      it('cost nobody a call: in time is in time, and what is late ends at its time-out', async () => {
        for (let n = 0; n < 10; n++) expect((await call('calm', 100)).status).toBe(200);
        const before = performance.now();
        const late = await call('late', 60_000);
        expect(late.status).toBe(504);
        // A bound against hanging only: how exact time-outs are is measured elsewhere.
        expect(performance.now() - before).toBeLessThan(30_000);
        expect((await fetch(`${platform.url}/healthz`)).status).toBe(200);
      });
    });
  },
);

interface CpuGroup {
  readonly version: 1 | 2;
  readonly quotaUs: number;
  readonly periodUs: number;
  /** cpu.shares, or cpu.weight of version 2. */
  readonly weight: number;
  /** Periods in which it had to wait for the next one. */
  readonly throttled: number;
}

function containerPids(): readonly number[] {
  const docker = (...args: readonly string[]): readonly string[] =>
    execFileSync('docker', [...(dockerHost === '' ? [] : ['--host', dockerHost]), ...args], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean);
  const ids = docker('ps', '--quiet', '--no-trunc');
  return ids.length === 0 ? [] : docker('inspect', '--format', '{{.State.Pid}}', ...ids).map(Number);
}

/** The directory of a process in the hierarchy of the CPU controller; empty when it has gone. */
function groupOf(pid: number): string {
  const mounts = readCgroupMounts();
  const mount = mounts.get('cpu') ?? mounts.get('unified');
  try {
    const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
    const own = lines.find(([, controllers]) =>
      mount?.version === 1 ? controllers?.split(',').includes('cpu') : controllers === '',
    );
    return mount === undefined || own === undefined ? '' : join(mount.mountPoint, own.slice(2).join(':'));
  } catch {
    return '';
  }
}

function cpuGroup(path: string): CpuGroup {
  const read = (name: string): string => {
    try {
      return readFileSync(join(path, name), 'utf8').trim();
    } catch {
      return '';
    }
  };
  const throttled = Number(/^nr_throttled (\d+)/m.exec(read('cpu.stat'))?.[1] ?? 0);
  const [quota, period] = read('cpu.max').split(' ');
  if (period !== undefined) {
    return {
      version: 2,
      quotaUs: Number(quota),
      periodUs: Number(period),
      weight: Number(read('cpu.weight')),
      throttled,
    };
  }
  const [quotaUs, periodUs, weight] = ['cpu.cfs_quota_us', 'cpu.cfs_period_us', 'cpu.shares'].map((name) =>
    Number(read(name)),
  );
  return { version: 1, quotaUs: quotaUs ?? 0, periodUs: periodUs ?? 0, weight: weight ?? 0, throttled };
}
