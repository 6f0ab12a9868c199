import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { pipeOf } from '../child-pipe.ts';
import { Holdings } from '../holdings.ts';
import { endOf, isRunning, type ProcessEnd } from '../process-end.ts';
import { startTimeOf } from '../process-tree.ts';
import { anyCommand, descriptors } from './bwrap-arguments.ts';
import type { Cgroup } from './cgroup.ts';
import type { HostEnvironment } from './host-environment.ts';
import { endJailed, type JailedProcess, killJailed, makeCgroup, takeSlot } from './jailed-process.ts';
import type { Slot } from './slots.ts';
import { closingLauncher } from './stray-descriptors.ts';

/** Only what bwrap itself needs; its environment can be read inside as /proc/1/environ. */
const bareEnvironment = { PATH: '/usr/bin:/bin' };

/**
 * A bubblewrap in a slot and control groups of its own that waits for its arguments, and until then makes nothing and runs nothing. Without them, as
 * when the platform is killed, it has an empty root and so nothing to begin, and ends. Whoever takes it owns what it holds.
 */
export class Launcher implements JailedProcess {
  readonly slot: Slot;
  /** Without limits: who takes the launcher sets them before it hands over arguments. */
  readonly cgroup: Cgroup | undefined;
  readonly child: ChildProcess;
  readonly ended: Promise<ProcessEnd>;
  readonly holdings: Holdings;
  /** Resolves when it is in its control groups; rejects when it cannot be moved there. */
  readonly joined: Promise<void>;

  private constructor(slot: Slot, cgroup: Cgroup | undefined, child: ChildProcess, holdings: Holdings) {
    this.slot = slot;
    this.cgroup = cgroup;
    this.child = child;
    this.holdings = holdings;
    this.ended = endOf(child);
    // A pipe that breaks while nobody uses it says no more than the end does.
    for (const pipe of pipesOf(child)) pipe.on('error', () => pipe.destroy());
    this.joined = this.#join();
    this.joined.catch(() => undefined);
  }

  /** Takes a slot, makes control groups and starts bwrap, which then joins them. Throws with nothing left. */
  static begin(host: HostEnvironment): Launcher {
    const holdings = new Holdings();
    try {
      const slot = takeSlot(host, holdings);
      const cgroup = host.cgroups.isEmpty ? undefined : makeCgroup(host, slot, holdings);
      return new Launcher(slot, cgroup, spawnBwrap(host, slot), holdings);
    } catch (error) {
      void holdings.giveBack();
      throw error;
    }
  }

  /** False for one that has ended, also when this process has not been told yet. */
  get isAlive(): boolean {
    const { pid } = this.child;
    return pid !== undefined && isRunning(this.child) && startTimeOf(pid) !== undefined;
  }

  /** What it is given as one of `descriptors`. */
  pipe(descriptor: number): Duplex {
    return pipeOf(this.child, descriptor);
  }

  /** Ends one that nobody took, and frees what it held. Resolves with what could not be freed. */
  async end(): Promise<readonly string[]> {
    killJailed(this);
    await this.joined.catch(() => undefined);
    for (const pipe of pipesOf(this.child)) pipe.destroy();
    return await endJailed(this);
  }

  async #join(): Promise<void> {
    if (this.child.pid !== undefined) await this.cgroup?.join(this.child.pid);
  }
}

function spawnBwrap(host: HostEnvironment, slot: Slot): ChildProcess {
  const uid = host.uidOf(slot.number);
  const { file, args } = closingLauncher(host.bwrap, anyCommand, host.strayDescriptors);
  // A fresh descriptor each time: bwrap reads it to the end, and the position is shared with whoever inherits it.
  const filter = openSync(host.filterFile, 'r');
  try {
    return spawn(file, args, {
      cwd: '/',
      env: bareEnvironment,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', filter, 'pipe', 'pipe'],
      // Node drops the supplementary groups too. Never as real root: /proc/sys of the host would be writable.
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
  } finally {
    closeSync(filter);
  }
}

function pipesOf(child: ChildProcess): readonly Duplex[] {
  const pipes: readonly unknown[] = child.stdio ?? [];
  return Object.values(descriptors).flatMap((descriptor) => {
    const pipe = pipes[descriptor];
    return pipe === null || pipe === undefined ? [] : [pipe as Duplex];
  });
}
