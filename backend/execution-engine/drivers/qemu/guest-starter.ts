import { MiB } from '../../../../shared/limits.ts';
import type { SandboxLimits, SandboxSpec } from '../../../core/ports/isolation-driver.ts';
import type { GuestNetworks } from '../support/egress/guest-networks.ts';
import { packetRateOf } from '../support/egress/packet-rates.ts';
import { explainDiskFull } from '../support/guest/disk-full.ts';
import { type DiskRate, diskRateOf } from '../support/guest/disk-rate.ts';
import { GuestMemory } from '../support/guest/guest-memory.ts';
import { guestMemoryMb } from '../support/guest/guest-size.ts';
import type { GuestBoot } from '../support/guest/guest-store.ts';
import { type Accelerator, findQemu, qemuJailArguments, qemuRoot } from '../support/guest/jailed-qemu.ts';
import { kvmDevice } from '../support/guest/kvm-trial.ts';
import { placeProgram } from '../support/guest/placed-program.ts';
import type { LoadedSnapshot } from '../support/guest/snapshot-store.ts';
import { tapProgram } from '../support/guest/tap-program.ts';
import { Holdings } from '../support/holdings.ts';
import type { DriverHost } from '../support/jail/driver-host.ts';
import { takeSlot } from '../support/jail/jailed-process.ts';
import type { Slot } from '../support/jail/slots.ts';
import { asPlatformError, throwIfAborted } from '../support/start-errors.ts';
import { fillCodeFile, makeCodeFile, type QemuProcess, startQemu, type WayOut } from './launch.ts';
import { descriptors } from './qemu-arguments.ts';

export interface GuestStarterOptions {
  readonly host: DriverHost;
  readonly networks: GuestNetworks;
  /** Where programs for guests are put. */
  readonly guestDirectory: string;
  readonly qemuPath: string | undefined;
  readonly networkBytesPerSecondAndCpu: number | undefined;
  readonly diskBytesPerSecondAndCpu: number | undefined;
}

/** What a guest is started from. */
export interface GuestParts {
  readonly spec: SandboxSpec;
  readonly boot: GuestBoot;
  /** Of which the guest is a copy; undefined for one that boots. */
  readonly snapshot: LoadedSnapshot | undefined;
  readonly accelerator: Accelerator;
  /** The version's code, as an image. */
  readonly image: string | undefined;
}

/** For messages of starts that fail. */
const what = 'a microVM';

/** Starts QEMUs for guests, each with memory, files and a network card of its own. */
export class GuestStarter {
  readonly #options: GuestStarterOptions;

  constructor(options: GuestStarterOptions) {
    this.#options = options;
  }

  /** A QEMU that waits to enter its jail (`jailOf`). Rejects with what may cross the port, and leaves nothing then. */
  async start(parts: GuestParts, signal: AbortSignal): Promise<QemuProcess> {
    const holdings = new Holdings();
    const slot = takeSlot(this.#options.host.open(), holdings);
    try {
      return await this.#startIn(slot, parts, holdings, signal);
    } catch (error) {
      await holdings.giveBack();
      throw asPlatformError(explainDiskFull(error, 'the files of a microVM', slot.directory), what);
    }
  }

  /** The arguments of the jail of a QEMU in this slot. */
  async jailOf(slot: Slot, accelerator: Accelerator): Promise<Buffer> {
    const host = this.#options.host.open();
    const root = await qemuRoot(host, findQemu(this.#options.qemuPath));
    return qemuJailArguments({ host, root, slot, devices: accelerator === 'kvm' ? [kvmDevice] : [] });
  }

  /** Of each disk of a guest. */
  diskRateOf(limits: SandboxLimits): DiskRate {
    return diskRateOf(limits, this.#options.diskBytesPerSecondAndCpu);
  }

  async #startIn(slot: Slot, parts: GuestParts, holdings: Holdings, signal: AbortSignal): Promise<QemuProcess> {
    const { spec, boot, snapshot, accelerator, image } = parts;
    const { limits } = spec;
    const host = this.#options.host.open();
    const memory = snapshot?.memory ?? (await this.#makeMemory(spec, holdings));
    const way = limits.egress === 'all' ? await this.#openWay(slot, spec, holdings) : undefined;
    throwIfAborted(signal, what);
    const code = await codeOf(slot, parts);
    return startQemu({
      ...{ host, slot, holdings, limits, boot, accelerator, code, memory, way },
      ownsMemory: snapshot === undefined,
      hasCode: image !== undefined,
      isClone: snapshot !== undefined,
      diskRate: this.diskRateOf(limits),
    });
  }

  /** A copy has none of its own: it maps the snapshot's privately. */
  async #makeMemory(spec: SandboxSpec, holdings: Holdings): Promise<GuestMemory> {
    const memory = await GuestMemory.make(this.#options.guestDirectory, guestMemoryMb(spec.limits) * MiB);
    holdings.hold('memory', () => memory.close());
    return memory;
  }

  async #openWay(slot: Slot, spec: SandboxSpec, holdings: Holdings): Promise<WayOut> {
    const { host, networks, guestDirectory, networkBytesPerSecondAndCpu } = this.#options;
    const rate = packetRateOf(spec.limits, networkBytesPerSecondAndCpu);
    const network = await networks.open(host.open(), slot.number, rate);
    holdings.hold('network', () => network.remove(), 'nothing runs');
    const whatItIs = 'the program that opens network cards of guests';
    const program = tapProgram(descriptors.tap);
    return { network, program: await placeProgram(guestDirectory, 'tap', program, whatItIs) };
  }
}

/** The file behind the code device: the version's image, which all share, or one of the guest's own where the code comes later, or came later to what it is a copy of. */
async function codeOf(slot: Slot, { image, snapshot }: GuestParts): Promise<string> {
  if (image !== undefined && snapshot?.hasCode !== false) return image;
  const file = makeCodeFile(slot);
  if (image !== undefined) await fillCodeFile(file, image);
  return file;
}
