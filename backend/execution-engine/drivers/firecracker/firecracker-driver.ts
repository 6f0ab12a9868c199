import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { basename, dirname, join } from 'node:path';
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
import { type PacketRate, packetRateOf } from '../support/egress/packet-rates.ts';
import { beginGuest } from '../support/guest/begin-guest.ts';
import { guestMemoryMb } from '../support/guest/guest-size.ts';
import { sandboxGone, snapshotGuest, sweepGuests } from '../support/guest/guest-snapshots.ts';
import { type GuestBoot, GuestStore } from '../support/guest/guest-store.ts';
import { type SnapshotFile, SnapshotFiles } from '../support/guest/snapshot-files.ts';
import { unusableSnapshot } from '../support/guest/snapshot-folders.ts';
import { Holdings } from '../support/holdings.ts';
import { DriverHost } from '../support/jail/driver-host.ts';
import { findProgram, type HostEnvironment } from '../support/jail/host-environment.ts';
import { makeCgroup, takeSlot } from '../support/jail/jailed-process.ts';
import { LiveSandboxes } from '../support/jail/live-sandboxes.ts';
import type { Slot } from '../support/jail/slots.ts';
import { defaultOutputLimits, type OutputLimits } from '../support/output-reader.ts';
import { endOf } from '../support/process-end.ts';
import { asPlatformError, throwIfAborted } from '../support/start-errors.ts';
import { FirecrackerSandbox } from './firecracker-sandbox.ts';
import { JailDirectory, jailed } from './jail-directory.ts';
import { jailerCommand } from './jailer-command.ts';
import { hostLimits } from './microvm-settings.ts';
import { probeFirecracker } from './probe.ts';
import { snapshotType } from './snapshot-outbox.ts';

export interface FirecrackerDriverOptions {
  /** For slots and jails, as in the process driver. */
  readonly runDirectory: string;
  /** Where kernels, root images and code images are kept; best on the file system of the run directory, since jails have links to them. */
  readonly guestDirectory: string;
  /** Where snapshots are kept, which nobody else can look into; best on the file system of the run directory too. */
  readonly snapshotDirectory: string;
  /** Beyond that the longest unused go; 4 GiB when left out. */
  readonly maxSnapshotBytes?: number;
  /** Empty or left out: the first `firecracker` in /usr/bin, /usr/local/bin, /bin, /usr/sbin. */
  readonly firecrackerPath?: string;
  /** Empty or left out: the `jailer` beside it, or in those places. */
  readonly jailerPath?: string;
  /** /dev/kvm when left out. */
  readonly kvmPath?: string;
  /** Kernel file or package, and static busybox; see `GuestStore`. */
  readonly kernel?: string;
  readonly busybox?: string;
  readonly bwrapPath?: string;
  readonly cgroupParent?: string;
  readonly registryDirectory?: string;
  readonly uidBase?: number;
  /** IPv4 addresses that sandboxes with `egress: "all"` may ask for names. */
  readonly resolvers?: readonly string[];
  /** What one CPU of a version may send, and receive, with `egress: "all"`; 64 MiB/s when left out. */
  readonly networkBytesPerSecondAndCpu?: number | undefined;
  readonly outputLimits?: OutputLimits;
  readonly logger?: Logger;
}

/** For messages of starts that fail. */
const what = 'a microVM';
const defaultSnapshotBytes = 4096 * MiB;
const bareEnvironment = { PATH: '/usr/bin:/bin' };
const probeLimits = { memoryMb: 64, cpus: 1, maxPids: 16, tmpMb: 4, egress: 'none' } as const;

/**
 * Runs sandboxes as microVMs of Firecracker under KVM, each Firecracker in a jail of its own jailer: user, root directory, network, control group. What each wall
 * is for: docs/drivers/firecracker.md.
 */
export class FirecrackerDriver implements SnapshotDriver {
  readonly name = 'firecracker';
  readonly capabilities: DriverCapabilities = {
    isolation: 'microvm',
    channel: 'vsock',
    enforces: new Set(['memory', 'cpu', 'pids', 'tmp', 'network']),
    egress: new Set(['none', 'all']),
    specialise: true,
    pause: true,
    survivesRestart: false,
  };
  readonly #options: FirecrackerDriverOptions;
  readonly #host: DriverHost;
  readonly #guests: GuestStore;
  readonly #snapshots: SnapshotFiles;
  readonly #networks: GuestNetworks;
  readonly #live = new LiveSandboxes<FirecrackerSandbox>();
  /** What a snapshot of a sandbox fits to, and how much memory it has. */
  readonly #machines = new Map<SandboxId, { readonly fit: string; readonly memoryBytes: number }>();
  /** What the probe found. */
  #version = '';

  constructor(options: FirecrackerDriverOptions) {
    this.#options = options;
    this.#host = new DriverHost(this.name, options);
    const { resolvers = [], logger } = options;
    this.#networks = new GuestNetworks({ resolvers, logger });
    this.#guests = new GuestStore({
      directory: options.guestDirectory,
      resolvers,
      transport: 'vsock',
      ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
      ...(options.busybox === undefined ? {} : { busybox: options.busybox }),
    });
    this.#snapshots = new SnapshotFiles({
      directory: options.snapshotDirectory,
      maxDiskBytes: options.maxSnapshotBytes ?? defaultSnapshotBytes,
    });
  }

  async probe(signal: AbortSignal): Promise<DriverHealth> {
    return await probeFirecracker({
      firecrackerPath: this.#firecrackerPath(),
      jailerPath: this.#jailerPath(),
      kvmPath: this.#options.kvmPath ?? '/dev/kvm',
      openHost: () => this.#host.open(),
      tryOut: async (version) => {
        this.#version = version;
        return await this.#tryOut(signal);
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
    return await this.#begin({ spec, boot: await this.#guests.boot(spec.plan, spec.limits), signal });
  }

  /** Sandboxes are swept when the platform starts again. */
  recover(): Promise<Sandbox | undefined> {
    return Promise.resolve(undefined);
  }

  async sweep(known: ReadonlySet<SandboxId>): Promise<SweepReport> {
    return await sweepGuests({ known, live: this.#live, host: this.#host.options, snapshots: this.#snapshots });
  }

  /** The guest stands still while Firecracker writes its memory down. */
  async snapshot(
    sandbox: Sandbox,
    name: SnapshotName,
    quiesce: () => Promise<void>,
    signal: AbortSignal,
  ): Promise<SnapshotInfo> {
    const own = this.#live.get(sandbox.id);
    const machine = this.#machines.get(sandbox.id);
    if (own === undefined || machine === undefined) throw sandboxGone();
    const { fit, memoryBytes } = machine;
    const keep = async (): Promise<number> => {
      const { state, hasCode, memory } = await own.save(await snapshotType(this.#version), memoryBytes);
      try {
        const file = { descriptor: memory.fd, sizeBytes: memoryBytes };
        return await this.#snapshots.keep(name, { state, hasCode, fit }, file);
      } finally {
        await memory.close();
      }
    };
    // What failed before says more.
    const goOn = () => own.control.settle().catch(() => own.destroy('it did not go on after its snapshot'));
    return await snapshotGuest({ control: own.control, quiesce, signal, keep, goOn });
  }

  hasSnapshot(name: SnapshotName): boolean {
    return this.#snapshots.has(name);
  }

  async restore(name: SnapshotName, spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    throwIfAborted(signal, what);
    const boot = await this.#guests.boot(spec.plan, spec.limits);
    const snapshot = await this.#snapshots.load(name, this.#fitOf(spec, boot));
    try {
      return await this.#begin({ spec, boot, snapshot, signal });
    } catch (error) {
      if (!(error instanceof PlatformError && brokenCodes.has(error.code))) throw error;
      await this.#snapshots.drop(name.versionId);
      throw unusableSnapshot(error);
    }
  }

  async dropSnapshot(versionId: SnapshotSubject): Promise<void> {
    await this.#snapshots.drop(versionId);
  }

  async close(): Promise<void> {
    await this.#host.close(async () => {
      await this.#live.destroyAll('driver closed');
      await this.#networks.close();
      await this.#snapshots.close();
    });
  }

  /** A guest with nothing in it but the static busybox, from its start until its init has started that. */
  async #tryOut(signal: AbortSignal): Promise<{ readonly notes: readonly string[] }> {
    const agent = { hostPath: this.#options.busybox || '/bin/busybox', guestPath: '/hearth/agent' };
    const argv = [agent.guestPath, 'sleep', '60'];
    const plan: RuntimePlan = { runtime: 'custom', argv, env: {}, agent, toolchain: [] };
    const boot = await this.#guests.boot(plan, probeLimits);
    const spec: SandboxSpec = { id: newId('sandbox'), plan, limits: probeLimits, image: undefined };
    const begun = performance.now();
    const sandbox = await this.#begin({ spec, boot, signal });
    const tookMs = Math.round(performance.now() - begun);
    await sandbox.destroy('probe over');
    return { notes: [`guests run kernel ${boot.kernelVersion}; an empty one booted in ${tookMs} ms`] };
  }

  #firecrackerPath(): string | undefined {
    return this.#options.firecrackerPath || findProgram('firecracker');
  }

  #jailerPath(): string | undefined {
    if (this.#options.jailerPath) return this.#options.jailerPath;
    const firecracker = this.#firecrackerPath();
    const beside = firecracker === undefined ? undefined : join(dirname(firecracker), 'jailer');
    return beside !== undefined && existsSync(beside) ? beside : findProgram('jailer');
  }

  #programs(): { readonly firecracker: string; readonly jailer: string } {
    const [firecracker, jailer] = [this.#firecrackerPath(), this.#jailerPath()];
    if (firecracker === undefined || jailer === undefined) {
      const message = 'Firecracker or its jailer is not installed; install them (scripts/setup_firecracker.sh)';
      throw new PlatformError('unavailable', 'program_missing', message);
    }
    return { firecracker: realpathSync(firecracker), jailer };
  }

  async #begin(parts: Beginning): Promise<FirecrackerSandbox> {
    const { spec, boot, snapshot, signal } = parts;
    const host = this.#host.open();
    const code = spec.image === undefined ? undefined : (await this.#guests.code(spec.image)).path;
    throwIfAborted(signal, what);
    const holdings = new Holdings();
    const slot = takeSlot(host, holdings);
    const sandbox = await this.#spawn({ host, slot, holdings, spec, boot, code, snapshot }).catch(
      async (error: unknown) => {
        await holdings.giveBack();
        throw asPlatformError(error, what);
      },
    );
    this.#live.set(spec.id, sandbox);
    const memoryBytes = guestMemoryMb(spec.limits) * MiB;
    this.#machines.set(spec.id, { fit: this.#fitOf(spec, boot), memoryBytes });
    await beginGuest({
      sandbox,
      what,
      signal,
      start: () => sandbox.start(spec.limits, this.#packetRateOf(spec), signal),
      // What Firecracker refused names its own fix.
      isClear: ({ code }) => !lostCodes.has(code),
    });
    return sandbox;
  }

  async #spawn(parts: {
    readonly host: HostEnvironment;
    readonly slot: Slot;
    readonly holdings: Holdings;
    readonly spec: SandboxSpec;
    readonly boot: GuestBoot;
    readonly code: string | undefined;
    readonly snapshot: SnapshotFile | undefined;
  }): Promise<FirecrackerSandbox> {
    const { host, slot, holdings, spec, boot, code, snapshot } = parts;
    const programs = this.#programs();
    const uid = host.uidOf(slot.number);
    if (uid === undefined)
      throw new PlatformError('unavailable', 'root_needed', 'the jailer of Firecracker needs root');
    const jail = await JailDirectory.make({
      ...{ slot, uid, boot, code, firecracker: programs.firecracker },
      ...(snapshot === undefined ? {} : { restored: snapshot }),
    });
    holdings.hold('jail', () => jail.close());
    const network = spec.limits.egress === 'all' ? await this.#openNetwork(host, slot, holdings, spec) : undefined;
    const cgroup = makeCgroup(host, slot, holdings, hostLimits(spec.limits));
    const { file, args } = jailerCommand({
      ...programs,
      uid,
      id: String(slot.number),
      baseDirectory: slot.directory,
      apiSocket: jailed.api,
      // Of a guest that may be snapshotted: its memory.
      maxFileBytes: snapshot === undefined ? guestMemoryMb(spec.limits) * MiB : MiB,
      namespace: network?.namespace,
    });
    const child = spawn(file, args, { cwd: '/', env: bareEnvironment, stdio: 'pipe' });
    return new FirecrackerSandbox({
      id: spec.id,
      jailer: { child, ended: endOf(child), cgroup, holdings },
      slot,
      jail,
      network,
      outputLimits: this.#options.outputLimits ?? defaultOutputLimits,
      imageDigest: spec.image?.digest,
      isRestored: snapshot !== undefined,
      codeImage: async (image) => (await this.#guests.code(image)).path,
      onGone: (failures) => this.#forget(spec.id, failures),
    });
  }

  async #openNetwork(host: HostEnvironment, slot: Slot, holdings: Holdings, spec: SandboxSpec): Promise<GuestNetwork> {
    const network = await this.#networks.open(host, slot.number, this.#packetRateOf(spec));
    holdings.hold('network', () => network.remove(), 'nothing runs');
    return network;
  }

  #packetRateOf({ limits }: SandboxSpec): PacketRate {
    return packetRateOf(limits, this.#options.networkBytesPerSecondAndCpu);
  }

  /** What must be the same where a snapshot of such a guest is restored: Firecracker, processor, KVM, kernel, runtime, init, limits. */
  #fitOf({ limits }: SandboxSpec, boot: GuestBoot): string {
    const machine = [this.#version, cpus()[0]?.model, release(), limits];
    const files = [boot.kernel, boot.initrd, boot.root].map((path) => basename(path));
    return createHash('sha256')
      .update(JSON.stringify([...machine, ...files]))
      .digest('hex');
  }

  #forget(id: SandboxId, failures: readonly string[]): void {
    this.#live.delete(id);
    this.#machines.delete(id);
    if (failures.length === 0) return;
    this.#options.logger?.error({ sandboxId: id, failures }, 'a microVM left something behind');
  }
}

interface Beginning {
  readonly spec: SandboxSpec;
  readonly boot: GuestBoot;
  /** Left out: the guest boots. */
  readonly snapshot?: SnapshotFile;
  readonly signal: AbortSignal;
}

/** What Firecracker says of a snapshot that it cannot load. */
const brokenCodes: ReadonlySet<string> = new Set(['firecracker_snapshot_version', 'firecracker_snapshot_broken']);

/** Errors that say only that Firecracker or its guest is gone: what it said last says more. */
const lostCodes: ReadonlySet<string> = new Set(['firecracker_gone', 'guest_lost', 'vmm_lost']);
