import { accessSync, constants, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CgroupMount, CgroupMounts, CgroupRole } from '../cgroup-hierarchies.ts';
import type { CgroupDirectory, CgroupLimits } from './cgroup.ts';
import { Cgroup, readProcesses, removeWhenEmpty, writeControl } from './cgroup.ts';

export interface FleetLimits {
  readonly memoryBytes: number;
  readonly maxPids: number;
}

/**
 * Functions together weigh as much as one thread of the platform, which has several: however many functions are busy, the platform
 * keeps at least half of any CPU that it needs. With less, a lone function waits behind everything else on the host.
 */
const fleetShares = 1024;
const fleetWeight = 100;
const limitRoles: readonly CgroupRole[] = ['memory', 'pids', 'cpu'];

/**
 * The part of the host's control groups that belongs to one platform instance:
 * `<mount>/<parent>/<instance>/<sandbox>` in each hierarchy. The instance's group caps all its sandboxes together.
 */
export class CgroupTree {
  /** Limits that sandboxes in this tree truly have. */
  readonly enforces: ReadonlySet<'memory' | 'pids' | 'cpu'>;
  readonly notes: readonly string[];
  readonly #instances: ReadonlyMap<CgroupRole, CgroupDirectory>;

  private constructor(instances: ReadonlyMap<CgroupRole, CgroupDirectory>, notes: readonly string[]) {
    this.#instances = instances;
    this.notes = notes;
    this.enforces = new Set((['memory', 'pids', 'cpu'] as const).filter((role) => instances.has(role)));
  }

  /** Makes the instance's groups wherever this process may. A hierarchy that refuses is left out and named in `notes`. */
  static open(options: {
    readonly mounts: CgroupMounts;
    readonly parent: string;
    readonly instance: string;
    readonly fleet: FleetLimits;
  }): CgroupTree {
    const instances = new Map<CgroupRole, CgroupDirectory>();
    const notes: string[] = [];
    const roles = new Set<CgroupRole>(options.mounts.keys());
    // Version 2 freezes too, and lets a frozen group be killed; the old freezer is not needed beside it.
    if (roles.has('unified')) roles.delete('freezer');
    for (const role of roles) {
      const mount = options.mounts.get(role);
      const parent = mount === undefined ? undefined : makeParent(mount, options.parent);
      if (mount === undefined || parent === undefined) {
        notes.push(`no permission to make control groups for ${role}`);
        continue;
      }
      if (mount.version === 1) limitParent(role, parent);
      const path = join(parent, options.instance);
      makeGroup(path);
      instances.set(role, { version: mount.version, path });
    }
    adoptUnified(instances);
    limitFleet(instances, options.fleet);
    for (const role of limitRoles) {
      if (!instances.has(role) && !roles.has(role)) notes.push(`the host has no ${role} control groups`);
    }
    return new CgroupTree(instances, notes);
  }

  get isEmpty(): boolean {
    return this.enforces.size === 0;
  }

  /** Without limits, nothing may run in it before `Cgroup.limit`. */
  create(name: string, limits?: CgroupLimits): Cgroup {
    const directories = new Map<CgroupRole, CgroupDirectory>();
    for (const [role, { version, path }] of this.#instances) directories.set(role, { version, path: join(path, name) });
    return Cgroup.create(directories, limits);
  }

  /** Processes in any sandbox of this instance, and the group directories that are there; for the sweep. */
  leftovers(): { readonly processes: readonly number[]; readonly directories: readonly string[] } {
    const directories: string[] = [];
    const processes = new Set<number>();
    for (const path of this.#paths()) {
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        if (!entry.isDirectory()) continue;
        directories.push(join(path, entry.name));
        for (const pid of readProcesses(join(path, entry.name))) processes.add(pid);
      }
    }
    return { processes: [...processes], directories };
  }

  /** Lets go on what is frozen: a process of version 1 that was killed dies only then. */
  thaw(): void {
    const freezer = this.#instances.get('freezer');
    if (freezer === undefined) return;
    for (const entry of readdirSync(freezer.path, { withFileTypes: true })) {
      if (entry.isDirectory()) writeControl(join(freezer.path, entry.name), 'freezer.state', 'THAWED');
    }
  }

  /** Removes the instance's own groups; its sandboxes must be gone. */
  async remove(): Promise<void> {
    await Promise.all(this.#paths().map(removeWhenEmpty));
  }

  #paths(): readonly string[] {
    return [...new Set([...this.#instances.values()].map((directory) => directory.path))];
  }
}

/** The first place where we may make groups: at the root for a privileged platform, else below our own (delegated) group. */
function makeParent(mount: CgroupMount, name: string): string | undefined {
  for (const base of new Set([mount.mountPoint, join(mount.mountPoint, mount.ownPath)])) {
    const parent = join(base, name);
    try {
      makeGroup(parent);
      accessSync(parent, constants.W_OK);
      if (mount.version === 1 || delegateControllers(base, parent)) return parent;
    } catch {
      // Not allowed here; the next place may be.
    }
  }
  return undefined;
}

/**
 * Version 2: a group hands controllers to its children only when it holds no process itself. Our own processes then move
 * aside into a leaf. False only when the parent cannot even be used for freezing and killing.
 */
function delegateControllers(base: string, parent: string): boolean {
  const available = readWords(base, 'cgroup.controllers').filter((name) => (limitRoles as string[]).includes(name));
  if (available.length === 0) return true;
  const enable = available.map((name) => `+${name}`).join(' ');
  if (!writeControl(base, 'cgroup.subtree_control', enable)) {
    const leaf = join(base, 'platform');
    makeGroup(leaf);
    for (const pid of readProcesses(base)) writeControl(leaf, 'cgroup.procs', pid);
    if (!writeControl(base, 'cgroup.subtree_control', enable)) return false;
  }
  writeControl(parent, 'cgroup.subtree_control', enable);
  writeControl(parent, 'cpu.weight', fleetWeight);
  return true;
}

/** Not recursive: that loops for ever on pseudo file systems which refuse with ENOENT. */
function makeGroup(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

function limitParent(role: CgroupRole, parent: string): void {
  // Always hierarchical since Linux 5.11; before, it has to be asked for, or the instance's cap would not count its sandboxes.
  if (role === 'memory') writeControl(parent, 'memory.use_hierarchy', 1);
  if (role === 'cpu') writeControl(parent, 'cpu.shares', fleetShares);
}

/** Version 2 with controllers: one directory plays every role that version 1 does not. */
function adoptUnified(instances: Map<CgroupRole, CgroupDirectory>): void {
  const unified = instances.get('unified');
  if (unified === undefined) return;
  const controllers = readWords(unified.path, 'cgroup.controllers');
  const enable = controllers.filter((name) => (limitRoles as string[]).includes(name));
  if (enable.length > 0)
    writeControl(unified.path, 'cgroup.subtree_control', enable.map((name) => `+${name}`).join(' '));
  const enabled = new Set(readWords(unified.path, 'cgroup.subtree_control'));
  for (const role of limitRoles) if (!instances.has(role) && enabled.has(role)) instances.set(role, unified);
}

function limitFleet(instances: ReadonlyMap<CgroupRole, CgroupDirectory>, fleet: FleetLimits): void {
  const memory = instances.get('memory');
  const pids = instances.get('pids');
  if (memory?.version === 1) {
    writeControl(memory.path, 'memory.use_hierarchy', 1);
    writeControl(memory.path, 'memory.limit_in_bytes', fleet.memoryBytes);
  } else if (memory !== undefined) writeControl(memory.path, 'memory.max', fleet.memoryBytes);
  if (pids !== undefined) writeControl(pids.path, 'pids.max', fleet.maxPids);
}

function readWords(directory: string, file: string): readonly string[] {
  try {
    return readFileSync(join(directory, file), 'utf8')
      .split(/\s+/)
      .filter((word) => word !== '');
  } catch {
    return [];
  }
}
