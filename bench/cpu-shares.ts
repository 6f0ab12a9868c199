import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCgroupMounts } from '../backend/execution-engine/drivers/support/cgroup-hierarchies.ts';
import { eventually, type Platform, startPlatform } from '../tests/support/platform.ts';
import { platformTree, readProcess } from '../tests/support/process-tree.ts';
import { deploy } from './support/functions.ts';
import { type Row, row } from './support/numbers.ts';
import { poolsOf } from './support/pools.ts';
import { progress } from './support/progress.ts';

const tenants = 8;
const rounds = 3;
const seconds = 10;
/** Percentage points from an equal part. */
const toleratedPoints = 2;
const equalPart = 100 / tenants;

/** Eight functions that are promised the same and never rest: what part of the processor time of all eight each gets, from the accounts of their control groups. */
export async function cpuShares(): Promise<readonly Row[]> {
  const platform = await startPlatform({ environment: { HEARTH_PREWARM: '0' } });
  const stopped = new AbortController();
  const callers: Promise<unknown>[] = [];
  try {
    for (let n = 0; n < tenants; n++) {
      const loop = 'export const handler = () => { for (;;); };';
      await deploy(platform, `busy-${n}`, loop, { timeoutMs: 300_000, maxInstances: 1 });
      callers.push(fetch(`${platform.gatewayUrl}/busy-${n}`, { signal: stopped.signal }).catch(() => undefined));
    }
    progress(`waiting for ${tenants} loops`);
    await eventually(async () => await expectBusy(platform), 120_000);
    const groups = [...groupsBelow(platform.pid)];
    if (groups.length < tenants) throw new Error(`${groups.length} control groups, not ${tenants}`);
    const parts: number[] = [];
    const together: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      progress(`round ${round} of ${rounds}, ${seconds} s`);
      const before = groups.map(usedMs);
      const startedAt = performance.now();
      await sleep(seconds * 1000);
      // Beside them a waiting sandbox of the same shape, which does nothing.
      const used = groups
        .map((group, i) => usedMs(group) - (before[i] ?? 0))
        .sort((a, b) => b - a)
        .slice(0, tenants);
      const sum = used.reduce((total, ms) => total + ms, 0);
      parts.push(...used.map((ms) => (100 * ms) / sum));
      together.push(sum / (performance.now() - startedAt));
    }
    const [least, most] = [Math.min(...parts), Math.max(...parts)];
    const isFair = least >= equalPart - toleratedPoints && most <= equalPart + toleratedPoints;
    return [
      row(
        `${tenants} equal functions that are always busy: part of each over ${seconds} s, least and greatest of ${rounds} rounds`,
        `${least.toFixed(1)} % to ${most.toFixed(1)} %`,
        `${equalPart} % +-${toleratedPoints} points`,
        isFair,
        parts,
      ),
      row('the same: cores that all of them had together', together.map((cores) => cores.toFixed(2)).join(', ')),
    ];
  } finally {
    stopped.abort();
    await Promise.all(callers);
    await platform.dispose();
  }
}

async function expectBusy(platform: Platform): Promise<void> {
  const { pools } = await poolsOf(platform);
  const busy = pools.flatMap(({ instances }) => instances).filter(({ inFlight }) => inFlight > 0).length;
  if (busy < tenants) throw new Error(`${busy} of ${tenants} are busy`);
}

/** Directories with the accounts of the sandboxes below a platform. */
function groupsBelow(pid: number): ReadonlySet<string> {
  const mounts = readCgroupMounts();
  const mount = mounts.get('cpuacct') ?? mounts.get('unified');
  if (mount === undefined) throw new Error('this host accounts for no processor time by control group');
  const [, ...below] = platformTree(pid);
  const line = mount.version === 1 ? /^\d+:(?:[^:]*,)?cpuacct(?:,[^:]*)?:(.*\/hearth\/.*)$/m : /^0::(.*\/hearth\/.*)$/m;
  const own = below.map((process) => line.exec(readProcess(process.pid, 'cgroup').toString())?.[1]);
  return new Set(own.filter((path) => path !== undefined).map((path) => join(mount.mountPoint, path)));
}

/** cpuacct.usage is in nanoseconds, usage_usec of cpu.stat in microseconds (cgroup-v1/cpuacct, cgroup-v2). */
function usedMs(directory: string): number {
  try {
    return Number(readFileSync(join(directory, 'cpuacct.usage'), 'utf8')) / 1e6;
  } catch {
    const text = readFileSync(join(directory, 'cpu.stat'), 'utf8');
    return Number(/^usage_usec (\d+)$/m.exec(text)?.[1]) / 1000;
  }
}
