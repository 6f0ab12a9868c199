import { statSync, truncateSync, writeFileSync } from 'node:fs';
import { PlatformError } from '../../../../shared/errors.ts';
import { newId, type SandboxId } from '../../../../shared/ids.ts';
import type {
  DriverCapabilities,
  DriverHealth,
  IsolationDriver,
  PreparedImage,
  SandboxSpec,
  SweepReport,
} from '../../../core/ports/isolation-driver.ts';
import type { Logger } from '../../../core/ports/logger.ts';
import type { RuntimePlan } from '../../../core/ports/runtime-adapter.ts';
import type { Sandbox } from '../../../core/ports/sandbox.ts';
import { beforeHanging } from '../support/guest/guest-ending.ts';
import { codeDeviceBytes, type GuestBoot, GuestStore } from '../support/guest/guest-store.ts';
import {
  type Accelerator,
  findQemu,
  qemuJailArguments,
  qemuRoot,
  spawnJailedQemu,
} from '../support/guest/jailed-qemu.ts';
import { kvmDevice, tryKvm } from '../support/guest/kvm-trial.ts';
import { type HostEnvironment, type HostOptions, hostStateFile, openHost } from '../support/jail/host-environment.ts';
import { LiveSandboxes } from '../support/jail/live-sandboxes.ts';
import type { Slot } from '../support/jail/slots.ts';
import { defaultOutputLimits, type OutputLimits } from '../support/output-reader.ts';
import { asPlatformError, throwIfAborted } from '../support/start-errors.ts';
import { probeQemu } from './probe.ts';
import { descriptors, hostLimits, qemuCommand } from './qemu-arguments.ts';
import { codeFileOf, QemuSandbox } from './qemu-sandbox.ts';

export interface QemuDriverOptions {
  /** For slots and staged files, as in the process driver. */
  readonly runDirectory: string;
  /** Where kernels, root images and code images are kept. */
  readonly guestDirectory: string;
  /** qemu-system-x86_64; empty or left out: the first in /usr/bin, /usr/local/bin, /bin, /usr/sbin. */
  readonly qemuPath?: string;
  readonly bwrapPath?: string;
  /** Kernel file or package, and static busybox; see `GuestStore`. */
  readonly kernel?: string;
  readonly busybox?: string;
  readonly cgroupParent?: string;
  readonly registryDirectory?: string;
  readonly uidBase?: number;
  readonly outputLimits?: OutputLimits;
  readonly logger?: Logger;
}

/** For messages of starts that fail. */
const what = 'a microVM';
/** On a busy machine a boot takes up to about 15 s. */
const bootPatienceMs = 30_000;
/** An emulated kernel hangs now and then while it boots (timers); then nothing more comes from it. */
const hungMessage = `a guest did not boot within ${bootPatienceMs} ms; try again, and give the host more CPU if it happens often`;
const probeLimits = { memoryMb: 64, cpus: 1, maxPids: 16, tmpMb: 4, egress: 'none' } as const;

/**
 * Runs sandboxes as guests of QEMU's `microvm` machine. Under software emulation QEMU promises no isolation, so each QEMU is itself in the jail of the process
 * driver: its own user id, namespaces, system call filters, control group, a root with nothing but QEMU. What each wall is for: docs/drivers/qemu.md.
 */
export class QemuDriver implements IsolationDriver {
  readonly name = 'qemu';
  readonly capabilities: DriverCapabilities = {
    isolation: 'microvm',
    channel: 'serial',
    enforces: new Set(['memory', 'cpu', 'pids', 'tmp', 'network']),
    egress: new Set(['none']),
    specialise: true,
    pause: true,
    survivesRestart: false,
  };
  readonly #options: QemuDriverOptions;
  readonly #hostOptions: HostOptions;
  readonly #guests: GuestStore;
  readonly #logger: Logger | undefined;
  readonly #live = new LiveSandboxes<QemuSandbox>();
  /** What the probe found. */
  #accelerator: Accelerator = 'tcg';
  #host: HostEnvironment | undefined;
  #closed = false;

  constructor(options: QemuDriverOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.#hostOptions = {
      runDirectory: options.runDirectory,
      cgroupParent: options.cgroupParent ?? 'hearth',
      registryDirectory: options.registryDirectory,
      fleet: {},
      uidBase: options.uidBase ?? 200_000,
      bwrapPath: options.bwrapPath,
    };
    this.#guests = new GuestStore({
      directory: options.guestDirectory,
      ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
      ...(options.busybox === undefined ? {} : { busybox: options.busybox }),
    });
  }

  async probe(signal: AbortSignal): Promise<DriverHealth> {
    return await probeQemu({
      qemuPath: findQemu(this.#options.qemuPath),
      bwrapPath: this.#options.bwrapPath,
      openHost: () => this.#open(),
      tryOut: async (version) => await this.#tryOut(version, signal),
    });
  }

  /** The bundle as an image that guests mount; made once per digest. */
  async prepare(image: PreparedImage, signal: AbortSignal): Promise<PreparedImage> {
    await this.#guests.code(image);
    throwIfAborted(signal, what);
    return image;
  }

  async create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    if (spec.limits.egress !== 'none') {
      const message = 'the qemu driver cannot let functions reach the network; use egress "none" or another isolation';
      throw new PlatformError('unprocessable', 'limit_not_enforced', message);
    }
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
    return await this.#live.sweep(known, this.#hostOptions);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#live.destroyAll('driver closed');
    const host = this.#host;
    this.#host = undefined;
    await host?.close();
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
      cacheFile: hostStateFile(this.#hostOptions, 'kvm-trial-qemu.json'),
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

  #open(): HostEnvironment {
    if (this.#closed) throw new PlatformError('unavailable', 'driver_closed', 'the qemu driver is closed');
    this.#host ??= openHost(this.#hostOptions);
    return this.#host;
  }

  async #begin(parts: {
    readonly spec: SandboxSpec;
    readonly boot: GuestBoot;
    /** What the probe found when left out. */
    readonly accelerator?: Accelerator;
    /** Until init has started the agent; otherwise until QEMU takes commands. */
    readonly waitsForGuest: boolean;
    readonly signal: AbortSignal;
  }): Promise<QemuSandbox> {
    const { spec, boot, signal, accelerator = this.#accelerator } = parts;
    const host = this.#open();
    const root = await qemuRoot(host, findQemu(this.#options.qemuPath));
    const code = spec.image === undefined ? undefined : (await this.#guests.code(spec.image)).path;
    throwIfAborted(signal, what);
    const slot = host.slots.take();
    let sandbox: QemuSandbox;
    try {
      if (code === undefined) makeCodeFile(slot);
      sandbox = this.#spawn({ host, slot, spec, boot, accelerator, code: code ?? codeFileOf(slot) });
    } catch (error) {
      await slot.free();
      throw asPlatformError(error, what);
    }
    this.#live.set(spec.id, sandbox);
    const onAbort = (): void => void sandbox.destroy('aborted');
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await sandbox.start(qemuJailArguments({ host, root, slot, devices: accelerator === 'kvm' ? [kvmDevice] : [] }));
      if (parts.waitsForGuest) await beforeHanging(sandbox.control.started, bootPatienceMs, hungMessage);
      throwIfAborted(signal, what);
      return sandbox;
    } catch (cause) {
      const detail = sandbox.lastWords;
      await sandbox.destroy('it could not begin');
      throwIfAborted(signal, what);
      if (cause instanceof PlatformError && cause.code === 'guest_hung') throw cause;
      const said = detail || (cause instanceof Error ? cause.message : 'it ended before it began');
      throw new PlatformError('unavailable', 'sandbox_not_started', `a microVM could not be started: ${said}`, {
        cause,
      });
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #spawn(parts: {
    readonly host: HostEnvironment;
    readonly slot: Slot;
    readonly spec: SandboxSpec;
    readonly boot: GuestBoot;
    readonly accelerator: Accelerator;
    readonly code: string;
  }): QemuSandbox {
    const { host, slot, spec, boot, accelerator } = parts;
    const limits = hostLimits(spec.limits, accelerator);
    const cgroup = host.cgroups.create(String(slot.number), limits);
    try {
      const child = spawnJailedQemu({
        host,
        slot,
        argv: qemuCommand({ limits: spec.limits, accelerator, hasCode: spec.image !== undefined }),
        maxPids: limits.maxPids,
        ...(accelerator === 'kvm' ? { group: statSync(kvmDevice).gid } : {}),
        pipes: descriptors.kernel - descriptors.channel,
        files: [boot.kernel, boot.initrd, boot.root, parts.code].map((path) => ({ path })),
      });
      return new QemuSandbox({
        id: spec.id,
        child,
        cgroup,
        slot,
        outputLimits: this.#options.outputLimits ?? defaultOutputLimits,
        imageDigest: spec.image?.digest,
        codeImage: async (image) => (await this.#guests.code(image)).path,
        onGone: (failures) => this.#forget(spec.id, failures),
      });
    } catch (error) {
      void cgroup.remove();
      throw error;
    }
  }

  #forget(id: SandboxId, failures: readonly string[]): void {
    this.#live.delete(id);
    if (failures.length > 0) this.#logger?.error({ sandboxId: id, failures }, 'a microVM left something behind');
  }
}

/** Files are read as root opened them; the directory is all that the jail sees of the slot. */
function makeCodeFile(slot: Slot): void {
  const file = codeFileOf(slot);
  writeFileSync(file, '', { mode: 0o444 });
  truncateSync(file, codeDeviceBytes);
}
