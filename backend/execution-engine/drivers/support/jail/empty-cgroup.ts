import { setTimeout as delay } from 'node:timers/promises';
import { killTree } from '../process-tree.ts';
import type { Cgroup } from './cgroup.ts';

/** How long killed processes may take to leave before they are reported as left behind. */
const killPatienceMs = 2000;

/** Kills every process of a control group, again until none is left. Rejects when one does not end within two seconds. */
export async function emptyCgroup(cgroup: Cgroup): Promise<void> {
  cgroup.kill();
  const deadline = performance.now() + killPatienceMs;
  for (let pids = cgroup.processes(); pids.length > 0; pids = cgroup.processes()) {
    if (performance.now() > deadline) throw new Error('a process did not end');
    killTree(pids);
    await delay(2);
  }
}
