import type { ChildProcess } from 'node:child_process';
import { attempt, type Holdings } from '../holdings.ts';
import { isRunning, type ProcessEnd } from '../process-end.ts';
import type { Cgroup, CgroupLimits } from './cgroup.ts';
import { emptyCgroup } from './empty-cgroup.ts';
import type { HostEnvironment } from './host-environment.ts';
import type { Slot } from './slots.ts';

/** What was started in a jail: the program that makes the jail or became what runs in it, and what it holds of the host's. */
export interface JailedProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<ProcessEnd>;
  readonly cgroup: Cgroup | undefined;
  readonly holdings: Holdings;
}

/** A slot, held: while a process lives, nobody else may get its user id. */
export function takeSlot(host: HostEnvironment, holdings: Holdings): Slot {
  const slot = host.slots.take();
  holdings.hold('slot directory', () => slot.free(), 'nothing runs');
  return slot;
}

/** The control groups of a slot, held. Throws when the kernel refuses one of the limits. */
export function makeCgroup(host: HostEnvironment, slot: Slot, holdings: Holdings, limits?: CgroupLimits): Cgroup {
  const cgroup = host.cgroups.create(String(slot.number), limits);
  holdings.hold('control group', () => cgroup.remove());
  return cgroup;
}

/**
 * Has it end soon, with all that is in its jail: killing bubblewrap kills process 1 of its namespace with it (die-with-parent), and that all others. What outlives it
 * is for `emptyCgroup`.
 */
export function killJailed({ child, cgroup }: Pick<JailedProcess, 'child' | 'cgroup'>): void {
  if (!isRunning(child)) return;
  cgroup?.kill();
  // It may not be in its control group yet.
  child.kill('SIGKILL');
}

/** Ends one that became no sandbox, and gives back what it held. Resolves with what could not be; never rejects. */
export async function endJailed(jailed: JailedProcess): Promise<readonly string[]> {
  const failures: string[] = [];
  killJailed(jailed);
  await jailed.ended;
  const isReaped = await attempt(failures, 'processes', async () => {
    if (jailed.cgroup !== undefined) await emptyCgroup(jailed.cgroup);
  });
  return [...failures, ...(await jailed.holdings.giveBack(isReaped))];
}
