import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { SweepReport } from '../../../../core/ports/isolation-driver.ts';
import { readCgroupMounts } from '../cgroup-hierarchies.ts';
import { sweepNetworks } from '../egress/guest-networks.ts';
import { killTree } from '../process-tree.ts';
import { removeWhenEmpty } from './cgroup.ts';
import { CgroupTree } from './cgroup-tree.ts';
import type { HostOptions } from './host-environment.ts';
import { defaultFleet, isRoot, registryOf, uidsPerInstance } from './host-environment.ts';
import type { ClaimRecord } from './instance-claim.ts';
import { deadClaims, takeDeadClaim } from './instance-claim.ts';

const killRounds = 100;
const killWaitMs = 10;

/**
 * Removes what dead platform instances left on this machine: processes, control groups, directories, and last their claims. An instance
 * is dead when no process has its pid and start time; nothing of a living one is touched.
 */
export async function sweepDeadInstances(options: HostOptions): Promise<SweepReport> {
  const removed: string[] = [];
  const failed: string[] = [];
  const registry = registryOf(options);
  for (const dead of deadClaims(registry)) {
    const { number, record } = dead;
    const taken = takeDeadClaim(registry, dead);
    if (taken === undefined) continue;
    try {
      removed.push(...(await sweepInstance(options, number, record)));
      taken.release();
    } catch (error) {
      taken.giveUp();
      failed.push(`instance ${number}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { removed, failed };
}

async function sweepInstance(options: HostOptions, number: number, record: ClaimRecord): Promise<readonly string[]> {
  const removed: string[] = [];
  const tree = CgroupTree.open({
    mounts: readCgroupMounts(),
    parent: options.cgroupParent,
    instance: String(number),
    fleet: { ...defaultFleet(), ...options.fleet },
  });
  const lowestUid = options.uidBase + number * uidsPerInstance;
  const killed = new Set<number>();
  for (let round = 0; ; round++) {
    const pids = [...new Set([...tree.leftovers().processes, ...findProcesses(record.directory, lowestUid)])];
    if (pids.length === 0) break;
    if (round === killRounds) throw new Error(`processes ${pids.join(', ')} do not end`);
    for (const pid of pids) killed.add(pid);
    killTree(pids);
    tree.thaw();
    await delay(killWaitMs);
  }
  for (const pid of killed) removed.push(`process ${pid} of instance ${number}`);
  removed.push(...(await sweepNetworks(lowestUid, record.directory)));
  const { directories } = tree.leftovers();
  await Promise.all(directories.map(removeWhenEmpty));
  removed.push(...directories.map((path) => `control group ${path}`));
  await tree.remove();
  // The claim says where, but only a directory that looks like an instance's is deleted.
  if (basename(record.directory) === String(number) && existsSync(`${record.directory}/slots`)) {
    rmSync(record.directory, { recursive: true, force: true });
    removed.push(`directory ${record.directory}`);
  }
  return removed;
}

/**
 * Processes of this instance that no control group shows. A user id alone proves nothing (other software may use the same
 * numbers), so a process must also have the instance's directory mounted, or be a launcher of ours.
 */
function findProcesses(directory: string, lowestUid: number): readonly number[] {
  const root = isRoot();
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const { uid } = statSync(`/proc/${name}`);
      if (root ? uid < lowestUid || uid >= lowestUid + uidsPerInstance : uid !== process.getuid?.()) continue;
      const isInside = readFileSync(`/proc/${name}/mountinfo`, 'utf8').includes(`${directory}/slots/`);
      const isLauncher = root && /^\S*bwrap\0--args\0/.test(readFileSync(`/proc/${name}/cmdline`, 'utf8'));
      if (isInside || isLauncher) found.push(pid);
    } catch {
      // Ended meanwhile, or not ours to look at.
    }
  }
  return found;
}
