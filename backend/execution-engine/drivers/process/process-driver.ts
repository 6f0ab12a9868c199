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
import { bwrapArguments, launcherProcesses, type SandboxCommand } from '../support/jail/bwrap-arguments.ts';
import type { FleetLimits } from '../support/jail/cgroup-tree.ts';
import { DriverHost } from '../support/jail/driver-host.ts';
import type { HostEnvironment } from '../support/jail/host-environment.ts';
import { Launcher } from '../support/jail/launcher.ts';
import { LiveSandboxes } from '../support/jail/live-sandboxes.ts';
import type { StagedRoot } from '../support/jail/root-stage.ts';
import { WaitingLaunchers } from '../support/jail/waiting-launchers.ts';
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
  /** So many launchers are begun ahead; default 1. */
  readonly waitingLaunchers?: number;
}

interface StartParts {
  readonly host: HostEnvironment;
  readonly root: StagedRoot;
  readonly spec: SandboxSpec;
  readonly signal: AbortSignal;
}

/** How often version 1 control groups are asked whether the kernel has killed in them. */
const starvationCheckMs = 100;

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
  readonly #launchers: WaitingLaunchers;
  readonly #starvation = new StarvationWatch(this.#live, starvationCheckMs);

  constructor(options: ProcessDriverOptions) {
    this.#host = new DriverHost(this.name, options);
    this.#minimumTier = options.minimumTier ?? 'partial';
    this.#outputLimits = options.outputLimits ?? defaultOutputLimits;
    this.#logger = options.logger;
    this.#launchers = new WaitingLaunchers({
      count: options.waitingLaunchers ?? 1,
      begin: () => Launcher.begin(this.#host.open()),
      hasRoom: () => this.#host.open().slots.free > 1,
      onFailures: (failures) => this.#logger?.error({ failures }, 'a launcher that waited left something behind'),
    });
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
    return await this.#launchers.during(async (take) => {
      const root = await host.roots.rootFor(spec.plan);
      throwIfAborted(signal);
      const parts = { host, root, spec, signal };
      const beginAnew = async (): Promise<Sandbox> => await this.#beginIn(launch(host), parts, undefined);
      const waiting = take();
      return waiting === undefined ? await beginAnew() : await this.#beginIn(waiting, parts, beginAnew);
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
    await this.#host.close(async () => {
      await Promise.all([this.#launchers.close(), this.#live.destroyAll('driver closed')]);
      this.#starvation.update();
    });
  }

  /**
   * A launcher waits for its arguments, so the order is safe: 1. into the control groups and their limits, 2. the arguments, 3. it makes the
   * namespaces and starts the agent. Nothing of the sandbox ever runs outside its limits. `onLost` is for one that had waited and turns out to be dead.
   */
  async #beginIn(
    launcher: Launcher,
    parts: StartParts,
    onLost: (() => Promise<Sandbox>) | undefined,
  ): Promise<Sandbox> {
    const { host, root, spec, signal } = parts;
    const sandbox = await this.#makeSandbox(launcher, spec, signal);
    this.#live.set(spec.id, sandbox);
    this.#starvation.update();
    const onAbort = (): void => void sandbox.destroy('aborted');
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await sandbox.start(
        bwrapArguments({
          rootDirectory: root.directory,
          binds: root.binds,
          slotDirectory: launcher.slot.directory,
          limits: spec.limits,
          env: spec.plan.env,
          masks: host.masks,
          command: commandOf(host, spec),
        }),
      );
      throwIfAborted(signal);
      return sandbox;
    } catch (cause) {
      const isLost = !sandbox.isEnding;
      await sandbox.destroy('it could not begin');
      throwIfAborted(signal);
      if (isLost && onLost !== undefined) return await onLost();
      const detail = sandbox.lastError === '' ? 'it ended before it began' : sandbox.lastError;
      throw new PlatformError('unavailable', 'sandbox_not_started', `a sandbox could not be started: ${detail}`, {
        cause,
      });
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #makeSandbox(launcher: Launcher, spec: SandboxSpec, signal: AbortSignal): Promise<ProcessSandbox> {
    try {
      launcher.cgroup?.limit({
        memoryBytes: spec.limits.memoryMb * MiB,
        cpus: spec.limits.cpus,
        maxPids: spec.limits.maxPids + launcherProcesses,
      });
      if (spec.image !== undefined) await launcher.slot.load(spec.image, signal);
      throwIfAborted(signal);
      return new ProcessSandbox({
        id: spec.id,
        launcher,
        outputLimits: this.#outputLimits,
        hasImage: spec.image !== undefined,
        onGone: (failures) => this.#forget(spec.id, failures),
      });
    } catch (error) {
      await launcher.end();
      throw asPlatformError(error);
    }
  }

  #forget(id: SandboxId, failures: readonly string[]): void {
    this.#live.delete(id);
    if (failures.length > 0) this.#logger?.error({ sandboxId: id, failures }, 'a sandbox left something behind');
    this.#starvation.update();
  }
}

function launch(host: HostEnvironment): Launcher {
  try {
    return Launcher.begin(host);
  } catch (error) {
    throw asPlatformError(error);
  }
}

/** Without a memory control group each process is limited alone: the best there is, and `probe` says so. */
function commandOf(host: HostEnvironment, { plan, limits }: SandboxSpec): SandboxCommand {
  const isLimited = host.cgroups.enforces.has('memory');
  return { argv: plan.argv, dataBytes: isLimited ? undefined : limits.memoryMb * MiB + reservedBytes(plan.runtime) };
}

/** What a runtime maps without using it counts against RLIMIT_DATA: V8 of Node 24, which also runs the agent of `custom`, reserves 560 MiB for code. */
function reservedBytes(runtime: RuntimeName): number {
  return (runtime === 'python' ? 32 : 600) * MiB;
}
