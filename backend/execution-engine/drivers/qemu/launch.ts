import type { ChildProcess } from 'node:child_process';
import { chownSync, statSync, truncateSync, writeFileSync } from 'node:fs';
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
import type { Cgroup } from '../support/jail/cgroup.ts';
import type { HostEnvironment } from '../support/jail/host-environment.ts';
import type { Slot } from '../support/jail/slots.ts';
import { descriptors, hostLimits, qemuCommand } from './qemu-arguments.ts';
import { QmpClient } from './qmp-client.ts';

/** A QEMU that was started, and everything of the host's that is its own. */
export interface QemuProcess {
  readonly child: ChildProcess;
  readonly cgroup: Cgroup;
  readonly slot: Slot;
  readonly qmp: QmpClient;
  readonly control: GuestControl;
  /** Resolves when the agent inside has ended. */
  readonly agentExit: Promise<GuestExit>;
}

export interface StartParts {
  readonly host: HostEnvironment;
  readonly slot: Slot;
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
  /** For a guest with a network card, and the program that opens it (`tapProgram`). */
  readonly way: { readonly network: GuestNetwork; readonly program: string } | undefined;
}

/** Starts QEMU in its jail, which waits for its arguments (`enterJail`). Throws with nothing left of it. */
export function startQemu(parts: StartParts): QemuProcess {
  const { host, slot, accelerator, hasCode, boot, isClone, memory, ownsMemory, diskRate, way } = parts;
  const limits = hostLimits(parts.limits, accelerator);
  const cgroup = host.cgroups.create(String(slot.number), limits);
  // A clone boots nothing.
  const [kernel, initrd] = isClone ? ['/dev/null', '/dev/null'] : [boot.kernel, boot.initrd];
  try {
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
    child.on('error', () => undefined);
    for (const name of ['channel', 'console', 'state', 'status', 'arguments'] as const) {
      pipeOf(child, descriptors[name]).on('error', () => undefined);
    }
    const { promise: agentExit, resolve } = Promise.withResolvers<GuestExit>();
    const exited = (status: number, oomKills: number) => resolve({ status, oomKills });
    const control = new GuestControl(pipeOf(child, descriptors.control), { exited }, { isRestored: isClone });
    return { child, cgroup, slot, qmp: new QmpClient(pipeOf(child, descriptors.qmp)), control, agentExit };
  } catch (error) {
    void cgroup.remove();
    throw error;
  }
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

/** The same with a version's code in it, as `specialise` leaves it. */
export async function makeFilledCodeFile(slot: Slot, image: string): Promise<string> {
  const file = codeFileOf(slot);
  await copyFile(image, file);
  truncateSync(file, codeDeviceBytes);
  return file;
}
