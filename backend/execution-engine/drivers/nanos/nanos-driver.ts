import { statSync } from 'node:fs';
import { chmod, chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../../../../shared/errors.ts';
import { newId, type SandboxId } from '../../../../shared/ids.ts';
import type {
  DriverCapabilities,
  DriverHealth,
  IsolationDriver,
  PreparedImage,
  SandboxLimits,
  SandboxSpec,
  SweepReport,
} from '../../../core/ports/isolation-driver.ts';
import type { Logger } from '../../../core/ports/logger.ts';
import type { Sandbox } from '../../../core/ports/sandbox.ts';
import { beginGuest } from '../support/guest/begin-guest.ts';
import { newChannelKey } from '../support/guest/channel-key.ts';
import { beforeHanging } from '../support/guest/guest-ending.ts';
import {
  type Accelerator,
  findQemu,
  qemuJailArguments,
  qemuRoot,
  spawnJailedQemu,
} from '../support/guest/jailed-qemu.ts';
import { kvmDevice, tryKvm } from '../support/guest/kvm-trial.ts';
import { Holdings } from '../support/holdings.ts';
import { DriverHost } from '../support/jail/driver-host.ts';
import { type HostEnvironment, hostStateFile } from '../support/jail/host-environment.ts';
import { makeCgroup, takeSlot } from '../support/jail/jailed-process.ts';
import { LiveSandboxes } from '../support/jail/live-sandboxes.ts';
import type { Slot } from '../support/jail/slots.ts';
import { defaultOutputLimits, type OutputLimits } from '../support/output-reader.ts';
import { endOf } from '../support/process-end.ts';
import { asPlatformError, refuseNetwork, throwIfAborted } from '../support/start-errors.ts';
import { bootVolume, cannotRun, instanceVolumes, tmpVolumeMb, trialPlan } from './boot-volume.ts';
import { runMkfs } from './mkfs.ts';
import { findNanos, type NanosRelease } from './nanos-release.ts';
import { NanosSandbox } from './nanos-sandbox.ts';
import { enforcedLimits, probeNanos } from './probe.ts';
import { descriptors, hostLimits, qemuCommand } from './qemu-arguments.ts';
import { VolumeStore, volumeLabels } from './volume-store.ts';

export interface NanosDriverOptions {
  /** A release of Nanos, or a build of its sources; see `findNanos`. */
  readonly home: string;
  /** For slots and staged files, as in the process driver. */
  readonly runDirectory: string;
  /** Where volumes of runtimes and versions are kept. */
  readonly guestDirectory: string;
  /** qemu-system-x86_64; empty or left out: the first in the usual places. */
  readonly qemuPath?: string;
  readonly bwrapPath?: string;
  readonly cgroupParent?: string;
  readonly registryDirectory?: string;
  readonly uidBase?: number;
  readonly outputLimits?: OutputLimits;
  readonly logger?: Logger;
}

/** What one unikernel is made of. */
interface Unikernel {
  readonly spec: SandboxSpec;
  readonly nanos: NanosRelease;
  readonly accelerator: Accelerator;
  readonly key: string;
  /** Of runtime and code. */
  readonly volumes: { readonly runtime: string; readonly code: string | undefined };
}

/** For messages of starts that fail. */
const what = 'a unikernel';
/** Under emulation a boot takes some 2 s, on a busy machine up to about 15 s. */
const bootPatienceMs = 30_000;
const hungMessage = `a unikernel did not call within ${bootPatienceMs} ms; give the host more CPU if it happens often`;
const trialLimits: SandboxLimits = { memoryMb: 64, cpus: 1, maxPids: 16, tmpMb: 4, egress: 'none' };

/**
 * Runs each sandbox as a unikernel: Nanos and one program, in a jailed QEMU, without users, processes or a shell inside. What each wall is for: docs/drivers/nanos.md.
 */
export class NanosDriver implements IsolationDriver {
  readonly name = 'nanos';
  readonly capabilities: DriverCapabilities = {
    isolation: 'unikernel',
    channel: 'tcp',
    enforces: enforcedLimits,
    egress: new Set(['none']),
    specialise: false,
    pause: true,
    survivesRestart: false,
    cannotRun,
  };
  readonly #options: NanosDriverOptions;
  readonly #host: DriverHost;
  readonly #store: VolumeStore;
  readonly #live = new LiveSandboxes<NanosSandbox>();
  /** What the probe found. */
  #accelerator: Accelerator = 'tcg';

  constructor(options: NanosDriverOptions) {
    this.#options = options;
    this.#store = new VolumeStore(options.guestDirectory);
    this.#host = new DriverHost(this.name, options);
  }

  async probe(signal: AbortSignal): Promise<DriverHealth> {
    return await probeNanos({
      findNanos: () => findNanos(this.#options.home),
      qemuPath: findQemu(this.#options.qemuPath),
      bwrapPath: this.#options.bwrapPath,
      openHost: () => this.#host.open(),
      tryOut: async (nanos, qemuVersion) => await this.#tryOut(nanos, qemuVersion, signal),
    });
  }

  /** The bundle as a volume that unikernels mount; made once per digest. */
  async prepare(image: PreparedImage, signal: AbortSignal): Promise<PreparedImage> {
    await this.#store.code(findNanos(this.#options.home), image);
    throwIfAborted(signal, what);
    return image;
  }

  async create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    const { plan, limits, image } = spec;
    refuseNetwork(this.name, limits);
    const why = cannotRun.get(plan.runtime);
    if (why !== undefined) {
      const message = `isolation nanos cannot run ${plan.runtime} ${why}`;
      throw new PlatformError('unprocessable', 'runtime_unsupported', message);
    }
    throwIfAborted(signal, what);
    const nanos = findNanos(this.#options.home);
    const volumes = {
      runtime: await this.#store.runtime(nanos, plan),
      code: image === undefined ? undefined : await this.#store.code(nanos, image),
    };
    const unikernel = { spec, nanos, volumes, accelerator: this.#accelerator, key: newChannelKey() };
    return await this.#begin(unikernel, signal, async (sandbox, args) => {
      await beforeHanging(sandbox.start(args), bootPatienceMs, hungMessage);
      return sandbox;
    });
  }

  /** Sandboxes die with the platform. */
  recover(): Promise<Sandbox | undefined> {
    return Promise.resolve(undefined);
  }

  async sweep(known: ReadonlySet<SandboxId>): Promise<SweepReport> {
    return await this.#live.sweep(known, this.#host.options);
  }

  async close(): Promise<void> {
    await this.#host.close(() => this.#live.destroyAll('driver closed'));
  }

  /** A unikernel whose program ends at once, emulated, and under KVM where that works. */
  async #tryOut(
    nanos: NanosRelease,
    qemuVersion: string,
    signal: AbortSignal,
  ): Promise<{ readonly notes: readonly string[] }> {
    const program = join(this.#host.open().claim.directory, 'trial');
    const plan = trialPlan(program);
    await writeFile(program, plan.bytes, { mode: 0o755 });
    const volumes = { runtime: await this.#store.runtime(nanos, plan.plan), code: undefined };
    const attempt = async (accelerator: Accelerator, until: AbortSignal): Promise<void> => {
      const spec: SandboxSpec = { id: newId('sandbox'), plan: plan.plan, limits: trialLimits, image: undefined };
      const unikernel = { spec, nanos, volumes, accelerator, key: newChannelKey() };
      await this.#begin(unikernel, until, async (sandbox, args) => {
        const report = await sandbox.run(args);
        if (report.code !== plan.status) throw new Error(report.reason ?? `it ended with ${report.code}`);
      });
    };
    const startedAt = performance.now();
    await attempt('tcg', AbortSignal.any([signal, AbortSignal.timeout(bootPatienceMs)]));
    const tookMs = Math.round(performance.now() - startedAt);
    const kvm = await tryKvm({
      cacheFile: hostStateFile(this.#host.options, 'kvm-trial-nanos.json'),
      key: `QEMU ${qemuVersion}, ${nanos.key}`,
      boot: async (bound) => await attempt('kvm', AbortSignal.any([bound, signal])),
    });
    this.#accelerator = kvm.isUsable ? 'kvm' : 'tcg';
    if (kvm.isUsable) return { notes: [`unikernels run under KVM: ${kvm.reason}`] };
    return {
      notes: [
        `unikernels run under software emulation: an empty one took ${tookMs} ms, and CPU-bound code is 10 to 50 times slower`,
        `KVM is not used: ${kvm.reason}`,
      ],
    };
  }

  /** Makes what belongs to this unikernel alone, starts QEMU, and resolves with `work`; whatever fails leaves nothing behind. */
  async #begin<Result>(
    unikernel: Unikernel,
    signal: AbortSignal,
    work: (sandbox: NanosSandbox, bwrapArguments: Buffer) => Promise<Result>,
  ): Promise<Result> {
    const host = this.#host.open();
    const root = await qemuRoot(host, findQemu(this.#options.qemuPath));
    throwIfAborted(signal, what);
    const holdings = new Holdings();
    const slot = takeSlot(host, holdings);
    const sandbox = await this.#spawn(host, slot, holdings, unikernel).catch(async (error: unknown) => {
      await holdings.giveBack();
      throw asPlatformError(error, what);
    });
    const { spec, accelerator } = unikernel;
    this.#live.set(spec.id, sandbox);
    const start = async (): Promise<Result> => {
      throwIfAborted(signal, what);
      const devices = accelerator === 'kvm' ? [kvmDevice] : [];
      return await work(sandbox, qemuJailArguments({ host, root, slot, devices }));
    };
    return await beginGuest({ sandbox, what, signal, start, isClear: ({ code }) => code !== 'guest_lost' });
  }

  async #spawn(host: HostEnvironment, slot: Slot, holdings: Holdings, unikernel: Unikernel): Promise<NanosSandbox> {
    const { spec, nanos, volumes, accelerator, key } = unikernel;
    const { boot, tmp } = instanceVolumes(slot.directory);
    const hasCode = volumes.code !== undefined;
    await runMkfs(bootVolume({ plan: spec.plan, key, hasCode }), {
      mkfs: nanos.mkfs,
      file: boot,
      boot: { loader: nanos.boot, kernel: nanos.kernel },
    });
    await runMkfs('(children:())', {
      mkfs: nanos.mkfs,
      file: tmp,
      label: volumeLabels.tmp,
      sizeMb: tmpVolumeMb(spec.limits),
    });
    await giveAlone([boot, tmp], host.uidOf(slot.number));
    const limits = hostLimits(spec.limits, accelerator);
    const cgroup = makeCgroup(host, slot, holdings, limits);
    const child = spawnJailedQemu({
      host,
      slot,
      argv: qemuCommand({ limits: spec.limits, accelerator, hasCode }),
      maxPids: limits.maxPids,
      maxFileMb: tmpVolumeMb(spec.limits),
      ...(accelerator === 'kvm' ? { group: statSync(kvmDevice).gid } : {}),
      pipes: descriptors.boot - descriptors.channel,
      files: [
        { path: boot },
        { path: volumes.runtime },
        { path: tmp, isWritable: true },
        ...(volumes.code === undefined ? [] : [{ path: volumes.code }]),
      ],
    });
    const qemu = { child, ended: endOf(child), cgroup, holdings };
    const outputLimits = this.#options.outputLimits ?? defaultOutputLimits;
    const onGone = (failures: readonly string[]): void => this.#forget(spec.id, failures);
    return new NanosSandbox({ id: spec.id, qemu, slot, key, outputLimits, onGone });
  }

  #forget(id: SandboxId, failures: readonly string[]): void {
    this.#live.delete(id);
    if (failures.length === 0) return;
    this.#options.logger?.error({ sandboxId: id, failures }, 'a unikernel left something behind');
  }
}

/** QEMU opens its descriptors once more, by /proc/self/fd, which asks for rights; the key in the boot volume is nobody else's. */
async function giveAlone(files: readonly string[], uid: number | undefined): Promise<void> {
  for (const file of files) {
    await chmod(file, 0o600);
    if (uid !== undefined) await chown(file, uid, uid);
  }
}
