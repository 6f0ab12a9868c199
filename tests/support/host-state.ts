import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Settings that the kernel changes by itself, and those that come and go with a network interface. */
const restless =
  /^\/proc\/sys\/(fs\/binfmt_misc|kernel\/(ns_last_pid|random)|net\/netfilter|net\/ipv[46]\/(conf|neigh)\/(?!all\/|default\/))/;
/** What counts, lists or only takes commands at the root of a control-group hierarchy. */
const counters =
  /^(cgroup\.(procs|threads)|tasks)$|usage|failcnt|stat|pressure|slabinfo|event_control|devices\.(allow|deny)/;
/** Where an escape would leave something that is run later. */
const startFiles = ['/etc', '/root/.bashrc', '/root/.profile', '/root/.ssh', '/var/spool/cron', '/usr/local/bin'];
/** Mounts of containers and of tests, which come and go beside this one. */
const passing = [tmpdir(), '/var/lib/docker', '/var/lib/containers', '/run/docker', '/run/containers', '/run/netns'];

/**
 * One line for each thing of this host that an escape would change first, for a comparison of before and after: every setting of the kernel that
 * can be written, the roots of the control groups, files that are run or read by root, and mounts. Mounts in the folder for temporary files
 * count when they are in `own`, a folder of the caller.
 */
export function hostState(own?: string): readonly string[] {
  return [
    ...kernelSettings(),
    ...cgroupRoots(),
    ...startFiles.flatMap((path) => filesBelow(path).map(fingerprint)),
    ...mounts(own),
  ];
}

function kernelSettings(): readonly string[] {
  return filesBelow('/proc/sys', (path) => !restless.test(path))
    .filter(isWritable)
    .map(setting);
}

/** Such as `release_agent`, which the kernel would run as root. */
function cgroupRoots(): readonly string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type]) => type === 'cgroup' || type === 'cgroup2')
    .flatMap(([, root = '']) =>
      readdirSync(root, { withFileTypes: true })
        .filter((entry) => entry.isFile() && !counters.test(entry.name))
        .map((entry) => join(root, entry.name)),
    )
    .filter(isWritable)
    .map(setting);
}

function mounts(own: string | undefined): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => {
      const mountPoint = line.split(' ')[4] ?? '';
      const isOwn = own !== undefined && mountPoint.startsWith(own);
      return isOwn || !passing.some((folder) => mountPoint.startsWith(folder));
    });
}

/** Paths of all that is no folder, in order; empty where there is nothing, and without what may not be listed. */
function filesBelow(path: string, isWanted: (path: string) => boolean = () => true): readonly string[] {
  if (!isWanted(path)) return [];
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (!found.isDirectory()) return [path];
  return readdirSync(path)
    .toSorted()
    .flatMap((name) => filesBelow(join(path, name), isWanted));
}

const isWritable = (path: string): boolean => ((lstatSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o222) !== 0;

/** Some can be written and not read, by this user or by anybody: that stays so too. */
function setting(path: string): string {
  try {
    return `${path}=${readFileSync(path, 'utf8').trim()}`;
  } catch (error) {
    return `${path} ${(error as NodeJS.ErrnoException).code}`;
  }
}

function fingerprint(path: string): string {
  const { mode, uid, gid } = lstatSync(path);
  return `${path} ${mode.toString(8)} ${uid}:${gid} ${digestOf(path)}`;
}

function digestOf(path: string): string {
  const found = lstatSync(path);
  if (found.isSymbolicLink()) return readlinkSync(path);
  if (!found.isFile()) return 'special';
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex');
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
