import { statSync, truncateSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import type { PreparedImage, SandboxSpec } from '../../../core/ports/isolation-driver.ts';
import type { GuestNetwork } from '../support/egress/guest-network.ts';
import type { DiskRate } from '../support/guest/disk-rate.ts';
import type { GuestMemory } from '../support/guest/guest-memory.ts';
import { codeDeviceBytes, type GuestBoot } from '../support/guest/guest-store.ts';
import { type Accelerator, spawnJailedQemu } from '../support/guest/jailed-qemu.ts';
import { kvmDevice } from '../support/guest/kvm-trial.ts';
import type { HostEnvironment } from '../support/jail/host-environment.ts';
import type { Slot } from '../support/jail/slots.ts';
import type { OutputLimits } from '../support/output-reader.ts';
import { descriptors, hostLimits, qemuCommand } from './qemu-arguments.ts';
import { codeFileOf, QemuSandbox } from './qemu-sandbox.ts';

export interface LaunchParts {
  readonly host: HostEnvironment;
  readonly slot: Slot;
  readonly spec: SandboxSpec;
  readonly boot: GuestBoot;
  readonly accelerator: Accelerator;
  /** The file behind the code device. */
  readonly code: string;
  readonly memory: GuestMemory;
  /** The sandbox closes it; otherwise it is a snapshot's, which the guest maps privately. */
  readonly ownsMemory: boolean;
  readonly isClone: boolean;
  /** Of each disk. */
  readonly diskRate: DiskRate;
  /** For a guest with a network card, and the program that opens it (`tapProgram`). The sandbox removes the network. */
  readonly way: { readonly network: GuestNetwork; readonly program: string } | undefined;
  readonly outputLimits: OutputLimits;
  readonly codeImage: (image: PreparedImage) => Promise<string>;
  readonly onGone: (failures: readonly string[]) => void;
}

/** Starts QEMU in its jail, which waits for its arguments. */
export function launch(parts: LaunchParts): QemuSandbox {
  const { host, slot, spec, boot, accelerator, isClone, memory, ownsMemory, diskRate, way } = parts;
  const hasCode = spec.image !== undefined;
  const limits = hostLimits(spec.limits, accelerator);
  const cgroup = host.cgroups.create(String(slot.number), limits);
  // A clone boots nothing.
  const [kernel, initrd] = isClone ? ['/dev/null', '/dev/null'] : [boot.kernel, boot.initrd];
  try {
    const child = spawnJailedQemu({
      host,
      slot,
      argv: qemuCommand({ limits: spec.limits, accelerator, hasCode, isClone, ownsMemory, diskRate }),
      maxPids: limits.maxPids,
      ...(accelerator === 'kvm' ? { group: statSync(kvmDevice).gid } : {}),
      pipes: descriptors.kernel - descriptors.channel,
      files: [
        ...[kernel, initrd, boot.root, parts.code].map((path) => ({ path })),
        { path: `/proc/self/fd/${memory.descriptor}`, isWritable: true },
        ...(way === undefined ? [] : [{ path: way.network.namespace }]),
      ],
      ...(way === undefined ? {} : { before: way.program }),
    });
    return new QemuSandbox({
      id: spec.id,
      child,
      cgroup,
      slot,
      memory: ownsMemory ? memory : undefined,
      network: way?.network,
      isClone,
      outputLimits: parts.outputLimits,
      imageDigest: spec.image?.digest,
      codeImage: parts.codeImage,
      onGone: parts.onGone,
    });
  } catch (error) {
    void cgroup.remove();
    throw error;
  }
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
