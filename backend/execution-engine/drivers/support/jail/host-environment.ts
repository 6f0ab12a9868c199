import { accessSync, chmodSync, constants, existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { PlatformError } from '../../../../../shared/errors.ts';
import { readCgroupMounts } from '../cgroup-hierarchies.ts';
import { guestPrlimit, maskCandidates } from './bwrap-arguments.ts';
import type { FleetLimits } from './cgroup-tree.ts';
import { CgroupTree } from './cgroup-tree.ts';
import { commandProgram, guestCommandProgram } from './command-program.ts';
import { claimInstance, type InstanceClaim } from './instance-claim.ts';
import { RootStage } from './root-stage.ts';
import { openRunDirectory } from './run-directory.ts';
import type { FilterArch } from './seccomp/filter.ts';
import { buildSeccompFilter } from './seccomp/filter.ts';
import { SlotTable } from './slots.ts';
import { findStrayDescriptors } from './stray-descriptors.ts';

export interface HostOptions {
  readonly runDirectory: string;
  readonly cgroupParent: string;
  readonly registryDirectory: string | undefined;
  readonly fleet: Partial<FleetLimits>;
  readonly uidBase: number;
  readonly bwrapPath: string | undefined;
}

/** User ids of one instance: `uidBase + number * uidsPerInstance + slot`. */
export const uidsPerInstance = 1000;
const searchPath = ['/usr/bin', '/usr/local/bin', '/bin', '/usr/sbin'];
/** Of the machine's memory, all sandboxes together get at most so much; the rest is for the platform and the system. */
const fleetMemoryShare = 0.8;
const fleetPids = 16_384;

/** What one driver holds on this host between `open` and `close`. */
export interface HostEnvironment {
  readonly bwrap: string;
  readonly claim: InstanceClaim;
  readonly cgroups: CgroupTree;
  readonly slots: SlotTable;
  readonly roots: RootStage;
  readonly filterFile: string;
  readonly masks: readonly string[];
  readonly strayDescriptors: readonly number[];
  /** The user id of a slot, or undefined when the platform is no root and all sandboxes run as itself. */
  uidOf(slot: number): number | undefined;
  close(): Promise<void>;
}

export function findProgram(name: string): string | undefined {
  return searchPath
    .map((directory) => join(directory, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Where instance claims are: one place per machine for root, so that user ids never meet; else beside the state. */
export function registryOf(options: HostOptions): string {
  return options.registryDirectory ?? (isRoot() ? '/run/hearth/instances' : join(options.runDirectory, 'instances'));
}

/** A file about this host, shared by all platforms of it where they may: beside their claims. */
export function hostStateFile(options: HostOptions, name: string): string {
  return join(dirname(registryOf(options)), name);
}

export function defaultFleet(): FleetLimits {
  return { memoryBytes: Math.floor(totalmem() * fleetMemoryShare), maxPids: fleetPids };
}

export function openHost(options: HostOptions): HostEnvironment {
  const arch = process.arch;
  if (process.platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) {
    throw new PlatformError(
      'unavailable',
      'host_unsupported',
      `process sandboxes need Linux on x64 or arm64, this is ${process.platform} ${arch}`,
    );
  }
  const bwrap = options.bwrapPath ?? requireProgram('bwrap', 'bubblewrap');
  const prlimit = requireProgram('prlimit', 'util-linux');
  const root = isRoot();
  const base = openRunDirectory(options.runDirectory, root);
  const claim = claimInstance(registryOf(options), (number) => join(base, String(number)));
  try {
    return openClaimed(options, { bwrap, prlimit, root, arch, claim });
  } catch (error) {
    rmSync(claim.directory, { recursive: true, force: true });
    claim.release();
    throw error;
  }
}

function openClaimed(
  options: HostOptions,
  found: { bwrap: string; prlimit: string; root: boolean; arch: FilterArch; claim: InstanceClaim },
): HostEnvironment {
  const { claim, root } = found;
  rmSync(claim.directory, { recursive: true, force: true });
  for (const path of [claim.directory, join(claim.directory, 'slots'), join(claim.directory, 'stage')]) {
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o711);
  }
  const filterFile = join(claim.directory, 'filter.bpf');
  writeFileSync(filterFile, buildSeccompFilter(found.arch), { mode: 0o600 });
  const commandFile = join(claim.directory, 'command');
  writeFileSync(commandFile, commandProgram(found.arch));
  chmodSync(commandFile, 0o555);
  const cgroups = CgroupTree.open({
    mounts: readCgroupMounts(),
    parent: options.cgroupParent,
    instance: String(claim.number),
    fleet: { ...defaultFleet(), ...options.fleet },
  });
  return {
    bwrap: found.bwrap,
    claim,
    cgroups,
    slots: new SlotTable({ directory: join(claim.directory, 'slots'), count: uidsPerInstance - 1 }),
    roots: new RootStage({
      directory: join(claim.directory, 'stage'),
      tools: [
        { hostPath: found.prlimit, guestPath: guestPrlimit },
        { hostPath: commandFile, guestPath: guestCommandProgram },
      ],
      needsPassage: root,
    }),
    filterFile,
    masks: maskCandidates.filter((name) => existsSync(`/proc/${name}`)),
    strayDescriptors: findStrayDescriptors(),
    uidOf: (slot) => (root ? options.uidBase + claim.number * uidsPerInstance + slot : undefined),
    close: async () => {
      await cgroups.remove();
      rmSync(claim.directory, { recursive: true, force: true });
      removeFallback(claim.directory, options.runDirectory);
      claim.release();
    },
  };
}

/** A place below /var/lib/hearth that was made for us alone goes with the last instance in it. */
function removeFallback(instanceDirectory: string, wanted: string): void {
  const base = dirname(instanceDirectory);
  if (base === resolve(wanted)) return;
  try {
    rmdirSync(base);
  } catch {
    // Another instance of the same installation is in it.
  }
}

function requireProgram(name: string, packageName: string): string {
  const path = findProgram(name);
  if (path !== undefined) return path;
  const message = `${name} is not installed; install it (apt-get install ${packageName})`;
  throw new PlatformError('unavailable', 'program_missing', message);
}
