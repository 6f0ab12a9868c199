import { PlatformError } from '../../../../shared/errors.ts';
import { newId, type SandboxId } from '../../../../shared/ids.ts';
import { MiB } from '../../../../shared/limits.ts';
import type {
  DriverCapabilities,
  DriverHealth,
  PreparedImage,
  SandboxSpec,
  SweepReport,
} from '../../../core/ports/isolation-driver.ts';
import type { Logger } from '../../../core/ports/logger.ts';
import type { RuntimePlan } from '../../../core/ports/runtime-adapter.ts';
import type { Sandbox } from '../../../core/ports/sandbox.ts';
import type {
  SnapshotDriver,
  SnapshotInfo,
  SnapshotName,
  SnapshotSubject,
} from '../../../core/ports/snapshot-driver.ts';
import type { GuestNetwork } from '../support/egress/guest-network.ts';
import { GuestNetworks } from '../support/egress/guest-networks.ts';
import { packetRateOf } from '../support/egress/packet-rates.ts';
import { beginGuest } from '../support/guest/begin-guest.ts';
import { explainDiskFull } from '../support/guest/disk-full.ts';
import { type DiskRate, diskRateOf } from '../support/guest/disk-rate.ts';
import { beforeHanging } from '../support/guest/guest-ending.ts';
import { GuestMemory } from '../support/guest/guest-memory.ts';
import { guestMemoryMb } from '../support/guest/guest-size.ts';
import { sandboxGone, snapshotGuest, sweepGuests } from '../support/guest/guest-snapshots.ts';
import { type GuestBoot, GuestStore } from '../support/guest/guest-store.ts';
import { type Accelerator, findQemu, qemuJailArguments, qemuRoot } from '../support/guest/jailed-qemu.ts';
import { kvmDevice, tryKvm } from '../support/guest/kvm-trial.ts';
import { placeProgram } from '../support/guest/placed-program.ts';
import { type LoadedSnapshot, SnapshotStore } from '../support/guest/snapshot-store.ts';
import { tapProgram } from '../support/guest/tap-program.ts';
import { DriverHost } from '../support/jail/driver-host.ts';
import { expectMove } from '../support/jail/expected-move.ts';
import { type HostEnvironment, hostStateFile } from '../support/jail/host-environment.ts';
import { LiveSandboxes } from '../support/jail/live-sandboxes.ts';
import type { Slot } from '../support/jail/slots.ts';
import { defaultOutputLimits, type OutputLimits } from '../support/output-reader.ts';
import { asPlatformError, throwIfAborted } from '../support/start-errors.ts';
import { enterJail, makeCodeFile, makeFilledCodeFile, type QemuProcess, type StartParts, startQemu } from './launch.ts';
import { mappedMemoryOf } from './mapped-memory.ts';
import { loadState } from './migration.ts';
import { probeQemu } from './probe.ts';
import { descriptors } from './qemu-arguments.ts';
import { QemuSandbox } from './qemu-sandbox.ts';
import { snapshotFit } from './snapshot-fit.ts';
import { goThroughStart } from './start-ahead.ts';
import { type Awaited, WaitingQemu } from './waiting-qemu.ts';

export interface QemuDriverOptions {
  /** For slots and staged files, as in the process driver. */
  readonly runDirectory: string;
  /** Where kernels, root images and code images are kept. */
  readonly guestDirectory: string;
  /** Where snapshots are kept, readable for their owner alone. */
  readonly snapshotDirectory: string;
  /** Beyond that the longest unused go; 4 GiB when left out. */
  readonly maxSnapshotBytes?: number;
  /** qemu-system-x86_64; empty or left out: the first in /usr/bin, /usr/local/bin, /bin, /usr/sbin. */
  readonly qemuPath?: string;
  readonly bwrapPath?: string;
  /** Kernel file or package, and static busybox; see `GuestStore`. */
  readonly kernel?: string;
  readonly busybox?: string;
  readonly cgroupParent?: string;
  readonly registryDirectory?: string;
  readonly uidBase?: number;
  /** IPv4 addresses that sandboxes with `egress: "all"` may ask for names. */
  readonly resolvers?: readonly string[];
  /** What one CPU of a version may send, and receive, with `egress: "all"`; 64 MiB/s when left out. */
  readonly networkBytesPerSecondAndCpu?: number | undefined;
  /** What one CPU of a version may read from each disk; 256 MiB/s when left out. */
  readonly diskBytesPerSecondAndCpu?: number | undefined;
  readonly outputLimits?: OutputLimits;
  readonly logger?: Logger;
}

/** A QEMU, and what the sandbox in it has to give back. */
interface Started {
  readonly qemu: QemuProcess;
  readonly memory?: GuestMemory | undefined;
  readonly network?: GuestNetwork | undefined;
}

/** For messages of starts that fail. */
const what = 'a microVM';
const defaultSnapshotBytes = 4096 * MiB;
/** On a busy machine a boot takes up to about 15 s. */
const bootPatienceMs = 30_000;
/** An emulated kernel hangs now and then while it boots (timers); then nothing more comes from it. */
const hungMessage = `a guest did not boot within ${bootPatienceMs} ms; try again, and give the host more CPU if it happens often`;
const probeLimits = { memoryMb: 64, cpus: 1, maxPids: 16, tmpMb: 4, egress: 'none' } as const;

/**
 * Runs sandboxes as guests of QEMU's `microvm` machine. Under software emulation QEMU promises no isolation, so each QEMU is itself in the jail of the process
 * driver: its own user id, namespaces, system call filters, control group, a root with nothing but QEMU. What each wall is for: docs/drivers/qemu.md.
 */
export class QemuDriver implements SnapshotDriver {
  readonly name = 'qemu';
  readonly capabilities: DriverCapabilities = {
    isolation: 'microvm',
    channel: 'serial',
    enforces: new Set(['memory', 'cpu', 'pids', 'tmp', 'network']),
    egress: new Set(['none', 'all']),
    specialise: true,
    pause: true,
    survivesRestart: false,
    copiesRuntimes: true,
  };
  readonly #options: QemuDriverOptions;
  readonly #host: DriverHost;
  readonly #guests: GuestStore;
  readonly #snapshots: SnapshotStore;
  readonly #networks: GuestNetworks;
  readonly #logger: Logger | undefined;
  readonly #live = new LiveSandboxes<QemuSandbox>();
  readonly #waiting = new WaitingQemu({ onLeft: (failures) => this.#tellLeft({ failures }) });
  /** What a snapshot of a sandbox fits to. */
  readonly #fits = new Map<SandboxId, string>();
  #version = '';
  /** What the probe found. */
  #accelerator: Accelerator = 'tcg';

  constructor(options: QemuDriverOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#host = new DriverHost(this.name, options);
    const { resolvers = [], logger } = options;
    this.#networks = new GuestNetworks({ resolvers, logger });
    this.#guests = new GuestStore({
      directory: options.guestDirectory,
      resolvers,
      ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
      ...(options.busybox === undefined ? {} : { busybox: options.busybox }),
    });
    this.#snapshots = new SnapshotStore({
      directory: options.snapshotDirectory,
      programDirectory: options.guestDirectory,
      maxDiskBytes: options.maxSnapshotBytes ?? defaultSnapshotBytes,
      onLost: (err, name) => this.#logger?.warn({ err, versionId: name.versionId }, 'a snapshot could not be written'),
    });
  }

  async probe(signal: AbortSignal): Promise<DriverHealth> {
    return await probeQemu({
      qemuPath: findQemu(this.#options.qemuPath),
      bwrapPath: this.#options.bwrapPath,
      openHost: () => this.#host.open(),
      tryOut: async (version) => {
        this.#version = version;
        return await this.#tryOut(version, signal);
      },
      whyNoEgress: async () => await this.#networks.whyNot(this.#host.open()),
    });
  }

  /** The bundle as an image that guests mount; made once per digest. */
  async prepare(image: PreparedImage, signal: AbortSignal): Promise<PreparedImage> {
    await this.#guests.code(image);
    throwIfAborted(signal, what);
    return image;
  }

  async create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    throwIfAborted(signal, what);
    const boot = await this.#guests.boot(spec.plan, spec.limits);
    try {
      return await this.#begin({ spec, boot, waitsForGuest: true, signal });
    } catch (error) {
      if (!(error instanceof PlatformError && error.code === 'guest_hung')) throw error;
      this.#logger?.warn({ sandboxId: spec.id, err: error }, 'a microVM did not boot; it is tried once more');
      return await this.#begin({ spec, boot, waitsForGuest: true, signal });
    }
  }

  /** Sandboxes die with the platform. */
  recover(): Promise<Sandbox | undefined> {
    return Promise.resolve(undefined);
  }

  async sweep(known: ReadonlySet<SandboxId>): Promise<SweepReport> {
    return await sweepGuests({ known, live: this.#live, host: this.#host.options, snapshots: this.#snapshots });
  }

  /** The guest stands still while its memory is copied, some 100 ms. */
  async snapshot(
    sandbox: Sandbox,
    name: SnapshotName,
    quiesce: () => Promise<void>,
    signal: AbortSignal,
  ): Promise<SnapshotInfo> {
    const own = this.#live.get(sandbox.id);
    const fit = this.#fits.get(sandbox.id);
    if (own === undefined || fit === undefined) throw sandboxGone();
    const keep = async (): Promise<number> => {
      const sizeBytes = await own.save((guest) => this.#snapshots.keep(name, fit, guest));
      this.#snapshots.writeOut(name);
      return sizeBytes;
    };
    return await snapshotGuest({ control: own.control, quiesce, signal, keep, goOn: () => own.goOn() });
  }

  hasSnapshot(name: SnapshotName): boolean {
    return this.#snapshots.has(name);
  }

  async restore(name: SnapshotName, spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    throwIfAborted(signal, what);
    void expectMove();
    const boot = await this.#guests.boot(spec.plan, spec.limits);
    const snapshot = await this.#snapshots.load(name, this.#fitOf(spec, boot));
    return await this.#begin({ spec, boot, snapshot, waitsForGuest: true, signal });
  }

  /** The next copy of the runtime that was copied last begins in a QEMU that waits for it. */
  get hasWaiting(): boolean {
    return this.#waiting.isThere;
  }

  async dropSnapshot(versionId: SnapshotSubject): Promise<void> {
    await this.#snapshots.drop(versionId);
  }

  async close(): Promise<void> {
    await this.#host.close(async () => {
      await this.#waiting.close();
      await this.#live.destroyAll('driver closed');
      await this.#networks.close();
      await this.#snapshots.close();
    });
  }

  /** QEMU itself, in its jail, up to the point where it takes commands; and whether a guest runs under KVM there. */
  async #tryOut(version: string, signal: AbortSignal): Promise<{ readonly notes: readonly string[] }> {
    const agent = { hostPath: this.#options.busybox || '/bin/busybox', guestPath: '/hearth/agent' };
    const plan: RuntimePlan = { runtime: 'custom', argv: [agent.guestPath, 'true'], env: {}, agent, toolchain: [] };
    const boot = await this.#guests.boot(plan, probeLimits);
    const begin = async (accelerator: Accelerator, until: AbortSignal): Promise<void> => {
      const spec: SandboxSpec = { id: newId('sandbox'), plan, limits: probeLimits, image: undefined };
      const isUnderTrial = accelerator === 'kvm';
      const sandbox = await this.#begin({ spec, boot, accelerator, waitsForGuest: isUnderTrial, signal: until });
      await sandbox.destroy('probe over');
    };
    await begin('tcg', signal);
    const kvm = await tryKvm({
      cacheFile: hostStateFile(this.#host.options, 'kvm-trial-qemu.json'),
      key: `QEMU ${version}, kernel ${boot.kernelVersion}`,
      boot: async (bound) => await begin('kvm', AbortSignal.any([bound, signal])),
    });
    this.#accelerator = kvm.isUsable ? 'kvm' : 'tcg';
    const guests = `guests run kernel ${boot.kernelVersion}`;
    if (kvm.isUsable) return { notes: [`${guests} under KVM: ${kvm.reason}`] };
    return {
      notes: [
        `${guests} under software emulation: CPU-bound code is 10 to 50 times slower`,
        `KVM is not used: ${kvm.reason}`,
      ],
    };
  }

  async #begin(parts: {
    readonly spec: SandboxSpec;
    readonly boot: GuestBoot;
    /** Left out: the guest boots. */
    readonly snapshot?: LoadedSnapshot;
    /** What the probe found when left out. */
    readonly accelerator?: Accelerator;
    /** Until init has started the agent; otherwise until QEMU takes commands. */
    readonly waitsForGuest: boolean;
    readonly signal: AbortSignal;
  }): Promise<QemuSandbox> {
    const { spec, boot, snapshot, signal, accelerator = this.#accelerator } = parts;
    const image = spec.image === undefined ? undefined : (await this.#guests.code(spec.image)).path;
    const fit = this.#fitOf(spec, boot);
    // Of a copy without a version there are more to come, all alike until their function's processes go on.
    const awaited = snapshot === undefined || image !== undefined ? undefined : { snapshot, fit };
    const mapped = awaited === undefined ? undefined : mappedMemoryOf(awaited.snapshot.memory);
    const canWait = awaited !== undefined && spec.limits.egress === 'none';
    const waiting = canWait ? this.#waiting.take(awaited) : undefined;
    const { qemu, memory, network }: Started =
      waiting === undefined ? await this.#start({ ...parts, accelerator, image }) : { qemu: waiting };
    const sandbox = new QemuSandbox({
      ...{ id: spec.id, qemu, memory, mapped, network },
      outputLimits: this.#options.outputLimits ?? defaultOutputLimits,
      imageDigest: spec.image?.digest,
      codeImage: async (wanted) => (await this.#guests.code(wanted)).path,
      onGone: (failures) => this.#forget(spec.id, failures),
    });
    this.#live.set(spec.id, sandbox);
    this.#fits.set(spec.id, fit);
    const start = async (): Promise<void> => {
      if (waiting === undefined) await sandbox.start(await this.#jailOf(qemu.slot, accelerator), snapshot?.state);
      else await sandbox.goOn();
      if (parts.waitsForGuest) await beforeHanging(sandbox.control.started, bootPatienceMs, hungMessage);
    };
    await beginGuest({ sandbox, what, signal, start, isClear: ({ code }) => code === 'guest_hung' });
    if (canWait) this.#keepWaiting(awaited, spec, boot);
    return sandbox;
  }

  /** The next copy of this snapshot begins in a QEMU that stands still: the function's processes have gone through their start, and are frozen inside until `settle`. */
  #keepWaiting(awaited: Awaited, spec: SandboxSpec, boot: GuestBoot): void {
    const { snapshot } = awaited;
    const accelerator = this.#accelerator;
    const { signal } = new AbortController();
    const start = async () => (await this.#start({ spec, boot, snapshot, accelerator, image: undefined, signal })).qemu;
    const getReady = async (qemu: QemuProcess, closing: AbortSignal): Promise<void> => {
      await enterJail(qemu, await this.#jailOf(qemu.slot, accelerator));
      await loadState(qemu, snapshot.state);
      await goThroughStart(qemu, closing);
      await qemu.qmp.execute('stop');
    };
    this.#waiting.keep(awaited, start, getReady);
  }

  async #start(parts: {
    readonly spec: SandboxSpec;
    readonly boot: GuestBoot;
    readonly snapshot?: LoadedSnapshot;
    readonly accelerator: Accelerator;
    /** The version's code. */
    readonly image: string | undefined;
    readonly signal: AbortSignal;
  }): Promise<Started> {
    const { spec, snapshot, image } = parts;
    const { limits } = spec;
    const host = this.#host.open();
    const memory = await (snapshot?.memory ??
      GuestMemory.make(this.#options.guestDirectory, guestMemoryMb(limits) * MiB));
    const ownsMemory = snapshot === undefined;
    const slot = host.slots.take();
    let way: StartParts['way'];
    try {
      if (limits.egress === 'all') way = await this.#openWay(host, slot, spec);
      throwIfAborted(parts.signal, what);
      const ownsFile = image === undefined || snapshot?.hasCode === false;
      const code = ownsFile ? makeCodeFile(slot) : image;
      if (image !== undefined && ownsFile) await makeFilledCodeFile(slot, image);
      const qemu = startQemu({
        ...{ host, slot, limits, boot: parts.boot, accelerator: parts.accelerator, code, memory, ownsMemory, way },
        hasCode: image !== undefined,
        isClone: snapshot !== undefined,
        diskRate: this.#diskRateOf(spec),
      });
      return { qemu, memory: ownsMemory ? memory : undefined, network: way?.network };
    } catch (error) {
      if (ownsMemory) memory.close();
      await way?.network.remove();
      await slot.free();
      throw asPlatformError(explainDiskFull(error, 'the files of a microVM', slot.directory), what);
    }
  }

  async #jailOf(slot: Slot, accelerator: Accelerator): Promise<Buffer> {
    const host = this.#host.open();
    const root = await qemuRoot(host, findQemu(this.#options.qemuPath));
    return qemuJailArguments({ host, root, slot, devices: accelerator === 'kvm' ? [kvmDevice] : [] });
  }

  #diskRateOf({ limits }: SandboxSpec): DiskRate {
    return diskRateOf(limits, this.#options.diskBytesPerSecondAndCpu);
  }

  async #openWay(host: HostEnvironment, slot: Slot, spec: SandboxSpec): Promise<NonNullable<StartParts['way']>> {
    const rate = packetRateOf(spec.limits, this.#options.networkBytesPerSecondAndCpu);
    const network = await this.#networks.open(host, slot.number, rate);
    const what = 'the program that opens network cards of guests';
    const program = tapProgram(descriptors.tap);
    return { network, program: await placeProgram(this.#options.guestDirectory, 'tap', program, what) };
  }

  #fitOf({ limits }: SandboxSpec, boot: GuestBoot): string {
    const diskRate = diskRateOf(limits, this.#options.diskBytesPerSecondAndCpu);
    return snapshotFit({ limits, boot, diskRate, accelerator: this.#accelerator, version: this.#version });
  }

  #forget(id: SandboxId, failures: readonly string[]): void {
    this.#live.delete(id);
    this.#fits.delete(id);
    this.#tellLeft({ sandboxId: id, failures });
  }

  #tellLeft(left: { readonly sandboxId?: SandboxId; readonly failures: readonly string[] }): void {
    if (left.failures.length > 0) this.#logger?.error(left, 'a microVM left something behind');
  }
}
