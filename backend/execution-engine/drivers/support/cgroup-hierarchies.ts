import { readFileSync } from 'node:fs';

/** What a controller is for us; `unified` is the version 2 hierarchy, which freezes and kills even without controllers. */
export type CgroupRole = 'memory' | 'pids' | 'cpu' | 'cpuacct' | 'freezer' | 'unified';

export interface CgroupMount {
  readonly version: 1 | 2;
  readonly mountPoint: string;
  /** This process's own group in that hierarchy, relative to the mount point, for example `/system.slice/hearth.service`. */
  readonly ownPath: string;
}

export type CgroupMounts = ReadonlyMap<CgroupRole, CgroupMount>;

const versionOneRoles: readonly CgroupRole[] = ['memory', 'pids', 'cpu', 'cpuacct', 'freezer'];

/**
 * Finds where each controller is mounted, from the texts of /proc/self/mountinfo (proc(5)) and /proc/self/cgroup (cgroups(7)).
 * With a version 2 hierarchy that has the controllers, every role is `unified`; in the hybrid layout it is there beside version 1.
 */
export function parseCgroupMounts(mountinfo: string, cgroup: string): CgroupMounts {
  const own = parseOwnGroups(cgroup);
  const mounts = new Map<CgroupRole, CgroupMount>();
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    if (before === undefined || after === undefined) continue;
    const fields = before.split(' ');
    const [type, , superOptions] = after.split(' ');
    const mountRoot = unescapeOctal(fields[3] ?? '/');
    const mountPoint = unescapeOctal(fields[4] ?? '');
    if (type === 'cgroup2') {
      mounts.set('unified', { version: 2, mountPoint, ownPath: below(mountRoot, own.get('') ?? '/') });
    } else if (type === 'cgroup') {
      const controllers = new Set(superOptions?.split(','));
      for (const role of versionOneRoles) {
        if (!controllers.has(role)) continue;
        mounts.set(role, { version: 1, mountPoint, ownPath: below(mountRoot, own.get(role) ?? '/') });
      }
    }
  }
  return mounts;
}

/** The mounts of this process. Empty when there are no cgroups at all. */
export function readCgroupMounts(): CgroupMounts {
  try {
    return parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'));
  } catch {
    // No /proc, or a kernel without cgroups: the caller reports what is not enforced.
    return new Map();
  }
}

/** Controller -> own path; the version 2 line (`0::/path`) has the empty controller. */
function parseOwnGroups(cgroup: string): ReadonlyMap<string, string> {
  const own = new Map<string, string>();
  for (const line of cgroup.split('\n')) {
    const [, controllers, ...path] = line.split(':');
    for (const controller of controllers?.split(',') ?? []) own.set(controller, path.join(':'));
  }
  return own;
}

/** In a container the mount's root can be the container's own group; paths are then relative to it. */
function below(mountRoot: string, path: string): string {
  if (mountRoot === '/' || !`${path}/`.startsWith(`${mountRoot}/`)) return path;
  return path.slice(mountRoot.length) || '/';
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
