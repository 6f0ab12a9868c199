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
import { GuestNetworks } from '../support/egress/guest-networks.ts';
import { beginGuest } from '../support/guest/begin-guest.ts';
import { beforeHanging } from '../support/guest/guest-ending.ts';
import { sandboxGone, snapshotGuest, sweepGuests } from '../support/guest/guest-snapshots.ts';
import { type GuestBoot, GuestStore } from '../support/guest/guest-store.ts';
import { type Accelerator, findQemu } from '../support/guest/jailed-qemu.ts';
import { tryKvm } from '../support/guest/kvm-trial.ts';
import { type LoadedSnapshot, SnapshotStore } from '../support/guest/snapshot-store.ts';
import { DriverHost } from '../support/jail/driver-host.ts';
import { expectMove } from '../support/jail/expected-move.ts';
import { hostStateFile } from '../support/jail/host-environment.ts';
import { LiveSandboxes } from '../support/jail/live-sandboxes.ts';
import { defaultOutputLimits, type OutputLimits } from '../support/output-reader.ts';
import { throwIfAborted } from '../support/start-errors.ts';
import { GuestStarter } from './guest-starter.ts';
import { enterJail, type QemuProcess } from './launch.ts';
import { type MappedMemory, mappedMemoryOf } from './mapped-memory.ts';
import { loadState } from './migration.ts';
import { probeQemu } from './probe.ts';
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

/** A guest that is to boot. */
interface Boot {
  readonly spec: SandboxSpec;
  readonly boot: GuestBoot;
  readonly accelerator: Accelerator;
  readonly signal: AbortSignal;
}

/** One that is to go on from a snapshot. */
interface Copy extends Boot {
  readonly snapshot: LoadedSnapshot;
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
  readonly #starter: GuestStarter;
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
    this.#starter = new GuestStarter({
      host: this.#host,
      networks: this.#networks,
      guestDirectory: options.guestDirectory,
      qemuPath: options.qemuPath,
      networkBytesPerSecondAndCpu: options.networkBytesPerSecondAndCpu,
      diskBytesPerSecondAndCpu: options.diskBytesPerSecondAndCpu,
    });
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
    const parts = { spec, boot, accelerator: this.#accelerator, signal };
    try {
      return await this.#boot(parts, hasBegun);
    } catch (error) {
      if (!(error instanceof PlatformError && error.code === 'guest_hung')) throw error;
      this.#logger?.warn({ sandboxId: spec.id, err: error }, 'a microVM did not boot; it is tried once more');
      return await this.#boot(parts, hasBegun);
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
    const copy = { spec, boot, snapshot, accelerator: this.#accelerator, signal };
    return spec.image === undefined ? await this.#copyRuntime(copy) : await this.#copyVersion(copy);
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
      const parts = { spec, boot, accelerator, signal: until };
      // Emulation needs no trial: it is enough that QEMU takes commands.
      const sandbox = await this.#boot(parts, accelerator === 'kvm' ? hasBegun : async () => undefined);
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

  /** A guest that boots: `until` waits for more than that its QEMU takes commands. */
  async #boot(parts: Boot, until: (sandbox: QemuSandbox) => Promise<void>): Promise<QemuSandbox> {
    const qemu = await this.#startQemu(parts, undefined);
    return await this.#beginIn(qemu, parts, undefined, async (sandbox) => {
      await sandbox.start(await this.#starter.jailOf(qemu.slot, parts.accelerator));
      await until(sandbox);
    });
  }

  /** A copy of a version, which comes with its code. */
  async #copyVersion(copy: Copy): Promise<QemuSandbox> {
    return await this.#copyAnew(copy, undefined);
  }

  /** A copy of a runtime. There are more to come, all alike until their function's processes go on, so one waits for the next where it can. */
  async #copyRuntime(copy: Copy): Promise<QemuSandbox> {
    const { spec, boot, snapshot } = copy;
    const mapped = mappedMemoryOf(snapshot.memory);
    if (spec.limits.egress !== 'none') return await this.#copyAnew(copy, mapped);
    const awaited = { snapshot, fit: this.#fitOf(spec, boot) };
    const waiting = this.#waiting.take(awaited);
    const sandbox = await (waiting === undefined ? this.#copyAnew(copy, mapped) : this.#wake(waiting, copy, mapped));
    this.#keepWaiting(awaited, copy);
    return sandbox;
  }

  /** In a QEMU that has waited for it, with the guest in it. */
  async #wake(qemu: QemuProcess, copy: Copy, mapped: MappedMemory): Promise<QemuSandbox> {
    return await this.#beginIn(qemu, copy, mapped, async (sandbox) => {
      await sandbox.goOn();
      await hasBegun(sandbox);
    });
  }

  /** In a QEMU of its own, which is given the snapshot's state. */
  async #copyAnew(copy: Copy, mapped: MappedMemory | undefined): Promise<QemuSandbox> {
    const qemu = await this.#startQemu(copy, copy.snapshot);
    return await this.#beginIn(qemu, copy, mapped, async (sandbox) => {
      await sandbox.start(await this.#starter.jailOf(qemu.slot, copy.accelerator), copy.snapshot.state);
      await hasBegun(sandbox);
    });
  }

  async #startQemu(parts: Boot, snapshot: LoadedSnapshot | undefined): Promise<QemuProcess> {
    const { spec, boot, accelerator, signal } = parts;
    const image = spec.image === undefined ? undefined : await this.#codeImage(spec.image);
    return await this.#starter.start({ spec, boot, accelerator, snapshot, image }, signal);
  }

  /** Makes a QEMU the sandbox of `spec`, and has its guest begin; when that fails, nothing is left. */
  async #beginIn(
    qemu: QemuProcess,
    { spec, boot, signal }: Boot,
    mapped: MappedMemory | undefined,
    begin: (sandbox: QemuSandbox) => Promise<void>,
  ): Promise<QemuSandbox> {
    const sandbox = new QemuSandbox({
      ...{ id: spec.id, qemu, mapped },
      outputLimits: this.#options.outputLimits ?? defaultOutputLimits,
      imageDigest: spec.image?.digest,
      codeImage: (image) => this.#codeImage(image),
      onGone: (failures) => this.#forget(spec.id, failures),
    });
    this.#live.set(spec.id, sandbox);
    this.#fits.set(spec.id, this.#fitOf(spec, boot));
    const start = () => begin(sandbox);
    await beginGuest({ sandbox, what, signal, start, isClear: ({ code }) => code === 'guest_hung' });
    return sandbox;
  }

  /** The next copy of this snapshot begins in a QEMU that stands still: the function's processes have gone through their start, and are frozen inside until `settle`. */
  #keepWaiting(awaited: Awaited, { spec, boot, snapshot, accelerator }: Copy): void {
    const { signal } = new AbortController();
    const start = () => this.#starter.start({ spec, boot, snapshot, accelerator, image: undefined }, signal);
    const getReady = async (qemu: QemuProcess, closing: AbortSignal): Promise<void> => {
      await enterJail(qemu, await this.#starter.jailOf(qemu.slot, accelerator));
      await loadState(qemu, snapshot.state);
      await goThroughStart(qemu, closing);
      await qemu.qmp.execute('stop');
    };
    this.#waiting.keep(awaited, start, getReady);
  }

  async #codeImage(image: PreparedImage): Promise<string> {
    return (await this.#guests.code(image)).path;
  }

  #fitOf({ limits }: SandboxSpec, boot: GuestBoot): string {
    const diskRate = this.#starter.diskRateOf(limits);
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

/** Resolves when init has started the agent. */
async function hasBegun({ control }: QemuSandbox): Promise<void> {
  await beforeHanging(control.started, bootPatienceMs, hungMessage);
}
