import { chownSync, constants, statSync, truncateSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import type { SandboxLimits } from '../../../core/ports/isolation-driver.ts';
import { pipeOf } from '../support/child-pipe.ts';
import type { GuestNetwork } from '../support/egress/guest-network.ts';
import type { DiskRate } from '../support/guest/disk-rate.ts';
import { GuestControl } from '../support/guest/guest-control.ts';
import type { GuestExit } from '../support/guest/guest-ending.ts';
import type { GuestMemory } from '../support/guest/guest-memory.ts';
import { codeDeviceBytes, type GuestBoot } from '../support/guest/guest-store.ts';
import { type Accelerator, spawnJailedQemu } from '../support/guest/jailed-qemu.ts';
import { kvmDevice } from '../support/guest/kvm-trial.ts';
import type { Holdings } from '../support/holdings.ts';
import type { Cgroup } from '../support/jail/cgroup.ts';
import type { HostEnvironment } from '../support/jail/host-environment.ts';
import { type JailedProcess, makeCgroup } from '../support/jail/jailed-process.ts';
import type { Slot } from '../support/jail/slots.ts';
import { endOf } from '../support/process-end.ts';
import { descriptors, hostLimits, qemuCommand } from './qemu-arguments.ts';
import { QmpClient } from './qmp-client.ts';

/** A QEMU that was started. It holds everything of the host's that is its own. */
export interface QemuProcess extends JailedProcess {
  readonly cgroup: Cgroup;
  readonly slot: Slot;
  /** The guest's RAM; undefined for a clone that has mapped its snapshot's. */
  readonly memory: GuestMemory | undefined;
  readonly network: GuestNetwork | undefined;
  readonly qmp: QmpClient;
  readonly control: GuestControl;
  /** Resolves when the agent inside has ended. */
  readonly agentExit: Promise<GuestExit>;
}

export interface LaunchParts {
  readonly host: HostEnvironment;
  readonly slot: Slot;
  /** What the guest holds already; from now on QEMU's. */
  readonly holdings: Holdings;
  readonly limits: SandboxLimits;
  /** The version's code is on its device. */
  readonly hasCode: boolean;
  readonly boot: GuestBoot;
  readonly accelerator: Accelerator;
  /** The file behind the code device. */
  readonly code: string;
  readonly memory: GuestMemory;
  /** The guest's own; otherwise it is a snapshot's, which the guest maps privately. */
  readonly ownsMemory: boolean;
  readonly isClone: boolean;
  /** Of each disk. */
  readonly diskRate: DiskRate;
  /** For a guest with a network card. */
  readonly way: WayOut | undefined;
}

export interface WayOut {
  readonly network: GuestNetwork;
  /** Opens the card (`tapProgram`). */
  readonly program: string;
}

/** Starts QEMU in its jail, which waits for its arguments (`enterJail`). When it throws, there is no process, and the caller gives back what was held. */
export function startQemu(parts: LaunchParts): QemuProcess {
  const { host, slot, holdings, accelerator, hasCode, boot, isClone, memory, ownsMemory, diskRate, way } = parts;
  const limits = hostLimits(parts.limits, accelerator);
  const cgroup = makeCgroup(host, slot, holdings, limits);
  // A clone boots nothing.
  const [kernel, initrd] = isClone ? ['/dev/null', '/dev/null'] : [boot.kernel, boot.initrd];
  const child = spawnJailedQemu({
    host,
    slot,
    argv: qemuCommand({ limits: parts.limits, accelerator, hasCode, isClone, ownsMemory, diskRate }),
    maxPids: limits.maxPids,
    ...(accelerator === 'kvm' ? { group: statSync(kvmDevice).gid } : {}),
    pipes: descriptors.kernel - descriptors.channel,
    files: [
      ...[kernel, initrd, boot.root, parts.code].map((path) => ({ path })),
      { path: `/proc/self/fd/${memory.descriptor}`, isWritable: true },
      { path: makeStateFile(host, slot), isWritable: true },
      ...(way === undefined ? [] : [{ path: way.network.namespace }]),
    ],
    ...(way === undefined ? {} : { before: way.program }),
  });
  const ended = endOf(child);
  for (const name of ['channel', 'console', 'state', 'status', 'arguments'] as const) {
    pipeOf(child, descriptors[name]).on('error', () => undefined);
  }
  const { promise: agentExit, resolve } = Promise.withResolvers<GuestExit>();
  const exited = (status: number, oomKills: number) => resolve({ status, oomKills });
  const control = new GuestControl(pipeOf(child, descriptors.control), { exited }, { isRestored: isClone });
  return {
    ...{ child, ended, cgroup, slot, holdings, control, agentExit },
    qmp: new QmpClient(pipeOf(child, descriptors.qmp)),
    memory: ownsMemory ? memory : undefined,
    network: way?.network,
  };
}

/** Has QEMU join its control group, and lets bwrap begin. */
export async function enterJail({ child, cgroup }: QemuProcess, bwrapArguments: Buffer): Promise<void> {
  if (child.pid !== undefined) await cgroup.join(child.pid);
  pipeOf(child, descriptors.arguments).end(bwrapArguments);
}

/** The file behind the code device of a sandbox that is specialised later; below its slot. */
export function codeFileOf(slot: Slot): string {
  return `${slot.directory}/code`;
}

/** What QEMU writes its own state to (`saveState`). */
export function stateFileOf(slot: Slot): string {
  return `${slot.directory}/state`;
}

/** QEMU opens it once more by its descriptor, so it is its user's. */
function makeStateFile(host: HostEnvironment, slot: Slot): string {
  const file = stateFileOf(slot);
  writeFileSync(file, '', { mode: 0o600 });
  const uid = host.uidOf(slot.number);
  if (uid !== undefined) chownSync(file, uid, uid);
  return file;
}

/** Files are read as root opened them; the directory is all that the jail sees of the slot. */
export function makeCodeFile(slot: Slot): string {
  const file = codeFileOf(slot);
  writeFileSync(file, '', { mode: 0o444 });
  truncateSync(file, codeDeviceBytes);
  return file;
}

/** Has a version's code in it: the same file, made as long as the device again. */
export async function fillCodeFile(file: string, image: string): Promise<void> {
  await copyFile(image, file, constants.COPYFILE_FICLONE);
  truncateSync(file, codeDeviceBytes);
}
