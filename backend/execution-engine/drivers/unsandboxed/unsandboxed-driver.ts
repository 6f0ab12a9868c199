import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../../../../shared/errors.ts';
import type { SandboxId } from '../../../../shared/ids.ts';
import type {
  DriverCapabilities,
  DriverHealth,
  IsolationDriver,
  PreparedImage,
  SandboxSpec,
  SweepReport,
} from '../../../core/ports/isolation-driver.ts';
import { codeDirectory } from '../../../core/ports/isolation-driver.ts';
import type { Logger } from '../../../core/ports/logger.ts';
import type { PlanMount, RuntimePlan } from '../../../core/ports/runtime-adapter.ts';
import type { Sandbox } from '../../../core/ports/sandbox.ts';
import type { OutputLimits } from '../support/output-reader.ts';
import { defaultOutputLimits } from '../support/output-reader.ts';
import { UnsandboxedSandbox } from './unsandboxed-sandbox.ts';

export interface UnsandboxedDriverOptions {
  /** For the code directories of sandboxes. */
  readonly runDirectory: string;
  readonly outputLimits?: OutputLimits;
  readonly logger?: Logger;
}

const warning =
  'NO ISOLATION: functions run as plain processes with all rights of the platform; use it only for code that you trust as much as the platform itself';

/**
 * Runs functions as plain child processes, for development on machines where no isolation works. Enforces nothing. Paths of
 * the plan are mapped to the host's own, so agents must take the code directory from INIT's place: HEARTH_CODE_DIRECTORY says where
 * it is, as `/app` does not exist.
 */
export class UnsandboxedDriver implements IsolationDriver {
  readonly name = 'unsandboxed';
  readonly capabilities: DriverCapabilities = {
    isolation: 'none',
    channel: 'fd',
    enforces: new Set(),
    egress: new Set(['none', 'all']),
    specialise: true,
    pause: true,
    survivesRestart: false,
  };
  readonly #runDirectory: string;
  readonly #outputLimits: OutputLimits;
  readonly #logger: Logger | undefined;
  readonly #live = new Map<SandboxId, UnsandboxedSandbox>();
  #closed = false;

  constructor(options: UnsandboxedDriverOptions) {
    this.#runDirectory = join(options.runDirectory, 'unsandboxed');
    this.#outputLimits = options.outputLimits ?? defaultOutputLimits;
    this.#logger = options.logger;
    this.#logger?.warn({ driver: this.name }, warning);
  }

  probe(): Promise<DriverHealth> {
    return Promise.resolve({
      status: 'healthy',
      version: process.version,
      tier: 'none',
      enforces: this.capabilities.enforces,
      notes: [warning],
    });
  }

  prepare(image: PreparedImage): Promise<PreparedImage> {
    return Promise.resolve(image);
  }

  async create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    if (this.#closed) throw new PlatformError('unavailable', 'driver_closed', 'the unsandboxed driver is closed');
    if (signal.aborted) throw new PlatformError('unavailable', 'aborted', 'starting a sandbox was aborted');
    mkdirSync(this.#runDirectory, { recursive: true, mode: 0o700 });
    const directory = mkdtempSync(join(this.#runDirectory, 'slot-'));
    try {
      const sandbox = await this.#start(spec, directory);
      this.#live.set(spec.id, sandbox);
      if (spec.image !== undefined) await sandbox.load(spec.image, signal);
      return sandbox;
    } catch (cause) {
      await this.#live.get(spec.id)?.destroy('it could not begin');
      rmSync(directory, { recursive: true, force: true });
      if (cause instanceof PlatformError) throw cause;
      throw new PlatformError('unavailable', 'sandbox_not_started', 'a process could not be started', { cause });
    }
  }

  /** Processes end with the platform's side of their channel. */
  recover(): Promise<Sandbox | undefined> {
    return Promise.resolve(undefined);
  }

  async sweep(known: ReadonlySet<SandboxId>): Promise<SweepReport> {
    const strangers = [...this.#live.values()].filter((sandbox) => !known.has(sandbox.id));
    await Promise.all(strangers.map((sandbox) => sandbox.destroy('swept')));
    return { removed: strangers.map((sandbox) => `sandbox ${sandbox.id}`), failed: [] };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#live.values()].map((sandbox) => sandbox.destroy('driver closed')));
  }

  async #start(spec: SandboxSpec, directory: string): Promise<UnsandboxedSandbox> {
    const [file, ...args] = hostArguments(spec.plan, directory);
    if (file === undefined) throw new PlatformError('internal', 'empty_plan', 'the runtime plan has no command');
    const child = spawn(file, args, {
      cwd: directory,
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        LANG: 'C.UTF-8',
        ...spec.plan.env,
        HEARTH_CHANNEL: 'fd:3',
        HEARTH_CODE_DIRECTORY: directory,
      },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      // A group of its own, so that what it starts ends with it.
      detached: true,
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    return new UnsandboxedSandbox({
      id: spec.id,
      child,
      directory,
      outputLimits: this.#outputLimits,
      hasImage: spec.image !== undefined,
      onGone: (failures) => this.#forget(spec.id, failures),
    });
  }

  #forget(id: SandboxId, failures: readonly string[]): void {
    this.#live.delete(id);
    if (failures.length > 0) this.#logger?.error({ sandboxId: id, failures }, 'a sandbox left something behind');
  }
}

/** The plan's command with every path inside replaced by the host's path of the mount that it is in. */
function hostArguments(plan: RuntimePlan, directory: string): readonly string[] {
  const mounts: readonly PlanMount[] = [
    plan.agent,
    ...plan.toolchain,
    { hostPath: directory, guestPath: codeDirectory },
  ];
  return plan.argv.map((argument) => {
    const mount = mounts.find(({ guestPath }) => argument === guestPath || argument.startsWith(`${guestPath}/`));
    return mount === undefined ? argument : mount.hostPath + argument.slice(mount.guestPath.length);
  });
}
