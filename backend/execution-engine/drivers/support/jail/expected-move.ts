import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseCgroupMounts } from '../cgroup-hierarchies.ts';

let mountinfo: Promise<string> | undefined;

/**
 * Tells the kernel that a process is about to be moved into a control group: the first move after a pause waits for an RCU grace period of 10 to 20 ms, which then passes
 * while the process is being made. This process is moved to where it is. Resolves when that has passed; never rejects, for a move that was not expected is only slow.
 */
export async function expectMove(processDirectory = '/proc/self'): Promise<void> {
  try {
    mountinfo ??= readFile(join(processDirectory, 'mountinfo'), 'utf8').then(onlyCgroups);
    // Read each time: whoever has moved this process must not find it moved back.
    const [mount] = parseCgroupMounts(
      await mountinfo,
      await readFile(join(processDirectory, 'cgroup'), 'utf8'),
    ).values();
    if (mount === undefined) return;
    await writeFile(join(mount.mountPoint, mount.ownPath, 'cgroup.procs'), String(process.pid), { flag: 'r+' });
  } catch {
    // No control groups, or not ours to write.
  }
}

function onlyCgroups(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.includes(' - cgroup'))
    .join('\n');
}
