import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { PlatformError } from '../../../../shared/errors.ts';
import type { SandboxId } from '../../../../shared/ids.ts';
import { MiB } from '../../../../shared/limits.ts';
import type { RuntimeName } from '../../../../shared/version-config.ts';
import type {
  DriverCapabilities,
  DriverHealth,
  IsolationDriver,
  PreparedImage,
  SandboxSpec,
  SweepReport,
} from '../../../core/ports/isolation-driver.ts';
import type { Logger } from '../../../core/ports/logger.ts';
import type { Sandbox } from '../../../core/ports/sandbox.ts';
import { bwrapArguments, bwrapCommand, launcherProcesses } from '../support/jail/bwrap-arguments.ts';
import type { Cgroup } from '../support/jail/cgroup.ts';
import type { FleetLimits } from '../support/jail/cgroup-tree.ts';
import { DriverHost } from '../support/jail/driver-host.ts';
import type { HostEnvironment } from '../support/jail/host-environment.ts';
import { LiveSandboxes } from '../support/jail/live-sandboxes.ts';
import type { StagedRoot } from '../support/jail/root-stage.ts';
import type { Slot } from '../support/jail/slots.ts';
import { closingLauncher } from '../support/jail/stray-descriptors.ts';
import type { OutputLimits } from '../support/output-reader.ts';
import { defaultOutputLimits } from '../support/output-reader.ts';
import { asPlatformError, refuseNetwork, throwIfAborted } from '../support/start-errors.ts';
import { StarvationWatch } from '../support/starvation-watch.ts';
import { probeHost, type Tier } from './probe.ts';
import { ProcessSandbox } from './process-sandbox.ts';

export interface ProcessDriverOptions {
  /** For slots and staged files. One below /var/lib/hearth is used instead where sandboxes cannot reach it. */
  readonly runDirectory: string;
  /** Below this tier `probe` says unhealthy. `partial` (the default) accepts a host without control groups. */
  readonly minimumTier?: Tier;
  /** Cap over all sandboxes together; default 80 % of the memory and 16,384 processes. */
  readonly fleet?: Partial<FleetLimits>;
  /** Name of the control group above all of ours; default `hearth`. */
  readonly cgroupParent?: string;
  /** Sandboxes get user ids from here on when the platform is root; default 200000. */
  readonly uidBase?: number;
  /** Where platform instances on this machine register; default /run/hearth/instances for root, else in the run directory. */
  readonly registryDirectory?: string;
  readonly outputLimits?: OutputLimits;
  readonly logger?: Logger;
  /** The bubblewrap to use; default: the first in /usr/bin, /usr/local/bin, /bin, /usr/sbin. */
  readonly bwrapPath?: string;
}

/** How often version 1 control groups are asked whether the kernel has killed in them. */
const starvationCheckMs = 100;
/** Only what bwrap itself needs; its environment can be read inside as /proc/1/environ. */
const bareEnvironment = { PATH: '/usr/bin:/bin' };

/**
 * Runs sandboxes as processes behind bubblewrap: own namespaces, own user id, a system call allow-list, a root with nothing but the
 * runtime, and control groups. What each wall is for: docs/drivers/process.md. Spawns from the thread that calls, and the
 * sandboxes die with that thread: use it from the main thread only.
 */
export class ProcessDriver implements IsolationDriver {
  readonly name = 'process';
  readonly capabilities: DriverCapabilities = {
    isolation: 'process',
    channel: 'fd',
    enforces: new Set(['memory', 'cpu', 'pids', 'tmp', 'network']),
    egress: new Set(['none']),
    specialise: true,
    pause: true,
    survivesRestart: false,
  };
  readonly #host: DriverHost;
  readonly #minimumTier: Tier;
  readonly #outputLimits: OutputLimits;
  readonly #logger: Logger | undefined;
  readonly #live = new LiveSandboxes<ProcessSandbox>();
  readonly #starvation = new StarvationWatch(this.#live, starvationCheckMs);

  constructor(options: ProcessDriverOptions) {
    this.#host = new DriverHost(this.name, options);
    this.#minimumTier = options.minimumTier ?? 'partial';
    this.#outputLimits = options.outputLimits ?? defaultOutputLimits;
    this.#logger = options.logger;
  }

  async probe(signal: AbortSignal): Promise<DriverHealth> {
    return await probeHost({
      bwrapPath: this.#host.options.bwrapPath,
      openHost: () => this.#host.open(),
      create: (spec, until) => this.create(spec, until),
      minimumTier: this.#minimumTier,
      signal,
    });
  }

  /** Nothing to bring along: a sandbox links the files at the moment it needs them. */
  prepare(image: PreparedImage): Promise<PreparedImage> {
    return Promise.resolve(image);
  }

  async create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    refuseNetwork(this.name, spec.limits);
    throwIfAborted(signal);
    const host = this.#host.open();
    const root = await host.roots.rootFor(spec.plan);
    throwIfAborted(signal);
    const slot = host.slots.take();
    let cgroup: Cgroup | undefined;
    let sandbox: ProcessSandbox;
    try {
      if (spec.image !== undefined) await slot.load(spec.image, signal);
      throwIfAborted(signal);
      cgroup = this.#makeCgroup(host, slot, spec);
      sandbox = this.#spawn({ host, slot, cgroup, spec });
    } catch (error) {
      await cgroup?.remove();
      await slot.free();
      throw asPlatformError(error);
    }
    return await this.#begin({ sandbox, host, root, slot, spec, signal });
  }

  /** Sandboxes die with the platform. */
  recover(): Promise<Sandbox | undefined> {
    return Promise.resolve(undefined);
  }

  async sweep(known: ReadonlySet<SandboxId>): Promise<SweepReport> {
    return await this.#live.sweep(known, this.#host.options);
  }

  async close(): Promise<void> {
    await this.#host.close(async () => {
      await this.#live.destroyAll('driver closed');
      this.#starvation.update();
    });
  }

  #makeCgroup(host: HostEnvironment, slot: Slot, spec: SandboxSpec): Cgroup | undefined {
    if (host.cgroups.isEmpty) return undefined;
    return host.cgroups.create(String(slot.number), {
      memoryBytes: spec.limits.memoryMb * MiB,
      cpus: spec.limits.cpus,
      maxPids: spec.limits.maxPids + launcherProcesses,
    });
  }

  #spawn(parts: { host: HostEnvironment; slot: Slot; cgroup: Cgroup | undefined; spec: SandboxSpec }): ProcessSandbox {
    const { host, slot, cgroup, spec } = parts;
    const uid = host.uidOf(slot.number);
    // Without a memory control group each process is limited alone: the best there is, and `probe` says so.
    const dataBytes = host.cgroups.enforces.has('memory')
      ? undefined
      : spec.limits.memoryMb * MiB + reservedBytes(spec.plan.runtime);
    const command = bwrapCommand(spec.plan.argv, spec.limits, dataBytes);
    const { file, args } = closingLauncher(host.bwrap, command, host.strayDescriptors);
    // A fresh descriptor each time: bwrap reads it to the end, and the position is shared with whoever inherits it.
    const filter = openSync(host.filterFile, 'r');
    try {
      const child = spawn(file, args, {
        cwd: '/',
        env: bareEnvironment,
        stdio: ['ignore', 'pipe', 'pipe', 'pipe', filter, 'pipe', 'pipe'],
        // Node drops the supplementary groups too. Never as real root: /proc/sys of the host would be writable.
        ...(uid === undefined ? {} : { uid, gid: uid }),
      });
      return new ProcessSandbox({
        id: spec.id,
        child,
        cgroup,
        slot,
        outputLimits: this.#outputLimits,
        hasImage: spec.image !== undefined,
        onGone: (failures) => this.#forget(spec.id, failures),
      });
    } finally {
      closeSync(filter);
    }
  }

  /**
   * bwrap waits for its arguments, so the order is safe: 1. into the control groups, 2. the arguments, 3. it makes the
   * namespaces and starts the agent. Nothing of the sandbox ever runs outside its limits.
   */
  async #begin(parts: {
    sandbox: ProcessSandbox;
    host: HostEnvironment;
    root: StagedRoot;
    slot: Slot;
    spec: SandboxSpec;
    signal: AbortSignal;
  }): Promise<Sandbox> {
    const { sandbox, host, root, slot, spec, signal } = parts;
    this.#live.set(spec.id, sandbox);
    this.#starvation.update();
    const onAbort = (): void => void sandbox.destroy('aborted');
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await sandbox.start(
        bwrapArguments({
          rootDirectory: root.directory,
          binds: root.binds,
          slotDirectory: slot.directory,
          limits: spec.limits,
          env: spec.plan.env,
          masks: host.masks,
        }),
      );
      throwIfAborted(signal);
      return sandbox;
    } catch (cause) {
      await sandbox.destroy('it could not begin');
      throwIfAborted(signal);
      const detail = sandbox.lastError === '' ? 'it ended before it began' : sandbox.lastError;
      throw new PlatformError('unavailable', 'sandbox_not_started', `a sandbox could not be started: ${detail}`, {
        cause,
      });
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #forget(id: SandboxId, failures: readonly string[]): void {
    this.#live.delete(id);
    if (failures.length > 0) this.#logger?.error({ sandboxId: id, failures }, 'a sandbox left something behind');
    this.#starvation.update();
  }
}

/** What a runtime maps without using it counts against RLIMIT_DATA: V8 of Node 24, which also runs the agent of `custom`, reserves 560 MiB for code. */
function reservedBytes(runtime: RuntimeName): number {
  return (runtime === 'python' ? 32 : 600) * MiB;
}
