import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CgroupRole,
  readCgroupMounts,
} from '../../backend/execution-engine/drivers/support/cgroup-hierarchies.ts';
import { startTimeOf } from '../../backend/execution-engine/drivers/support/process-tree.ts';
import { readProcess } from './process-tree.ts';

/** All processes of this host. */
export const pidsOfHost = (): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** The same number may be another process later. */
export const markOf = (pid: number): string => `${pid} ${startTimeOf(pid) ?? ''}`;

/** Marks of all processes of this host. */
export const processesOfHost = (): ReadonlySet<string> => new Set(pidsOfHost().map(markOf));

/** The name of a process, which it may choose. */
export const nameOf = (pid: number): string => readProcess(pid, 'comm').toString().trim();

/** What there is of a sandbox on this host. */
export interface SandboxTraces {
  /** Marks of its processes. */
  readonly processes: readonly string[];
  /** Its control groups, and the slot directories that it mounts. */
  readonly directories: readonly string[];
}

/** The traces of the sandbox that this process is in: everything in its control groups belongs to it. */
export function tracesOf(pid: number): SandboxTraces {
  const own = new Set(groupsOf(process.pid));
  const groups = groupsOf(pid).filter((path) => !own.has(path) && existsSync(path));
  const slots = readProcess(pid, 'mountinfo')
    .toString()
    .split('\n')
    .map((line) => line.split(' ')[3] ?? '')
    .filter((path) => path.includes('/slots/') && existsSync(path));
  const processes = new Set([pid, ...groups.flatMap(pidsIn)].map(markOf));
  return { processes: [...processes], directories: [...new Set([...groups, ...slots])] };
}

/** Those that are still there. */
export function remaining({ processes, directories }: SandboxTraces): readonly string[] {
  const running = processesOfHost();
  return [...processes.filter((mark) => running.has(mark)), ...directories.filter((path) => existsSync(path))];
}

/** The directories of the control groups of a process, in every hierarchy that is mounted. */
function groupsOf(pid: number): readonly string[] {
  const mounts = readCgroupMounts();
  const lines = readProcess(pid, 'cgroup').toString().split('\n').filter(Boolean);
  return lines.flatMap((line) => {
    const [, controllers = '', ...path] = line.split(':');
    const names = controllers === '' ? ['unified'] : controllers.split(',');
    const mount = names.map((name) => mounts.get(name as CgroupRole)).find((found) => found !== undefined);
    return mount === undefined ? [] : [join(mount.mountPoint, path.join(':'))];
  });
}

function pidsIn(group: string): readonly number[] {
  try {
    return readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
