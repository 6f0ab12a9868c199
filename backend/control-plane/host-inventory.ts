import type { LimitName } from '../../shared/api/system.ts';
import { PlatformError } from '../../shared/errors.ts';
import type { IsolationLevel, VersionConfig } from '../../shared/version-config.ts';
import { probeTimes } from '../core/policies/probe-times.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { DriverHealth, IsolationDriver } from '../core/ports/isolation-driver.ts';
import type { RuntimeAdapter, RuntimeHealth } from '../core/ports/runtime-adapter.ts';
import { Repetition } from './repetition.ts';

export interface HostInventoryOptions {
  /** The drivers that this installation allows; `unsandboxed` and `fake` are here only if somebody switched them on. */
  readonly drivers: readonly IsolationDriver[];
  readonly runtimes: readonly RuntimeAdapter[];
  readonly defaultIsolation: IsolationLevel;
  readonly hostMemoryBytes: number;
  readonly clock: Clock;
  /** A probe that takes longer counts as unhealthy. `probeTimes.wholeMs` when left out. */
  readonly probeTimeoutMs?: number;
  /** How old the finding about a level that is not healthy may be before a deploy probes again. 5,000 when left out. */
  readonly recheckAfterMs?: number;
  /** Between two probes of a driver whose daemon may come and go. 5,000 when left out. */
  readonly watchIntervalMs?: number;
}

export interface DriverFinding {
  readonly driver: IsolationDriver;
  readonly health: DriverHealth;
  readonly isDefault: boolean;
}
export interface RuntimeFinding {
  readonly name: string;
  readonly health: RuntimeHealth;
}

const notProbed: DriverHealth = { status: 'undetected', reason: 'not probed yet', fix: 'wait until the start is over' };
/** Which configuration field each limit comes from. */
const limitFields: readonly (readonly [keyof VersionConfig, LimitName])[] = [
  ['memoryMb', 'memory'],
  ['cpus', 'cpu'],
  ['maxPids', 'pids'],
  ['tmpMb', 'tmp'],
];

/** Levels that are there and off: their probes start virtual machines. */
const switchedOnBy: ReadonlyMap<IsolationLevel, string> = new Map([
  ['firecracker', 'HEARTH_FIRECRACKER=true'],
  ['qemu', 'HEARTH_QEMU=true'],
  ['nanos', 'HEARTH_NANOS_HOME=<directory of a release>'],
]);

const unprocessable = (code: string, message: string, path: string) =>
  new PlatformError('unprocessable', code, message, { issues: [{ path, message }] });

/** Its proxy is the agent's, in a sandbox without a network; the program of an image has another sandbox, with an agent beside it. */
function checkAllowList(config: VersionConfig): void {
  if (config.runtime !== 'image') return;
  const why =
    'an allow-list needs an agent inside, and a container image has none that can give it; use egress "none" or "all"';
  throw unprocessable('egress_unsupported', why, 'egress');
}

/** What this host can run: drivers and runtimes with what their probes found, and the check of a version against it. */
export class HostInventory {
  readonly #options: HostInventoryOptions;
  readonly #drivers = new Map<string, { health: DriverHealth; probedAt: number }>();
  readonly #runtimes = new Map<string, { health: RuntimeHealth; probedAt: number }>();
  #refreshing: Promise<void> | undefined;
  #watching: Repetition | undefined;

  constructor(options: HostInventoryOptions) {
    this.#options = options;
  }

  get defaultIsolation(): IsolationLevel {
    return this.#options.defaultIsolation;
  }

  /** Probes everything again; callers at the same time share one round. Never rejects. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#probeAll().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** From now on a daemon that went or came back is noticed within seconds, whoever asks; until `stopWatching`. */
  watch(): void {
    const { drivers, clock, watchIntervalMs = 5000 } = this.#options;
    const watched = drivers.filter((driver) => driver.isServedByDaemon === true);
    if (watched.length === 0) return;
    // A daemon that hangs is not asked again before its probe has given up.
    const work = () => Promise.all(watched.map((driver) => this.#renew(driver)));
    this.#watching = new Repetition({ clock, intervalMs: watchIntervalMs, work });
    this.#watching.start();
  }

  stopWatching(): void {
    this.#watching?.stop();
  }

  drivers(): readonly DriverFinding[] {
    return this.#options.drivers.map((driver) => ({
      driver,
      health: this.#drivers.get(driver.name)?.health ?? notProbed,
      isDefault: driver.name === this.#options.defaultIsolation,
    }));
  }

  runtimes(): readonly RuntimeFinding[] {
    return this.#options.runtimes.map((runtime) => ({
      name: runtime.name,
      health: this.#runtimes.get(runtime.name)?.health ?? {
        status: 'missing',
        reason: 'not probed yet',
        fix: 'wait until the start is over',
      },
    }));
  }

  get hasHealthyDriver(): boolean {
    return this.drivers().some((finding) => finding.health.status === 'healthy');
  }

  /**
   * Throws `unprocessable` unless this host can run the configuration as it says: `runtime_missing`,
   * `isolation_unavailable`, `runtime_unsupported`, `egress_unsupported`, `limit_not_enforced` (for limits in `chosen`), `memory_over_host`. Returns
   * warnings about default limits that this host does not enforce.
   */
  async check(config: VersionConfig, chosen: ReadonlySet<string>): Promise<readonly string[]> {
    if (this.#isDoubtful(config)) await this.refresh();
    this.#checkRuntime(config);
    const { driver, health } = this.#checkIsolation(config.isolation);
    checkPossible(driver, config);
    const egress = health.egress ?? driver.capabilities.egress;
    if (typeof config.egress !== 'string') checkAllowList(config);
    else if (!egress.has(config.egress)) {
      const offered = [...egress].join(', ') || 'none of the settings';
      const why = health.notes.find((note) => note.startsWith('egress '));
      throw unprocessable(
        'egress_unsupported',
        `isolation ${config.isolation} does not offer egress "${config.egress}" here; it offers ${offered}${why === undefined ? '' : ` (${why})`}`,
        'egress',
      );
    }
    if (config.memoryMb * 1024 * 1024 > this.#options.hostMemoryBytes) {
      const hostMb = Math.floor(this.#options.hostMemoryBytes / 1024 / 1024);
      throw unprocessable('memory_over_host', `this host has ${hostMb} MiB of memory in all; ask for less`, 'memoryMb');
    }
    return this.#checkLimits(config, chosen, health.enforces);
  }

  #checkLimits(
    config: VersionConfig,
    chosen: ReadonlySet<string>,
    enforced: ReadonlySet<LimitName>,
  ): readonly string[] {
    const warnings: string[] = [];
    const needed = limitFields.filter(([, limit]) => !enforced.has(limit));
    if (config.egress !== 'all' && !enforced.has('network')) needed.push(['egress', 'network']);
    for (const [field, limit] of needed) {
      const fact = `isolation ${config.isolation} does not enforce the ${limit} limit on this host`;
      if (chosen.has(field)) {
        throw unprocessable(
          'limit_not_enforced',
          `${fact}; leave ${field} out, or choose another isolation level (GET /api/v1/system/drivers lists them)`,
          field,
        );
      }
      warnings.push(`warning: ${fact}; the default of ${field} has no effect`);
    }
    return warnings;
  }

  #checkRuntime(config: VersionConfig): void {
    const health = this.#runtimes.get(config.runtime)?.health;
    if (health?.status === 'available') return;
    const why = health === undefined ? 'it is not part of this installation' : `${health.reason}; ${health.fix}`;
    throw unprocessable('runtime_missing', `runtime ${config.runtime} is missing: ${why}`, 'runtime');
  }

  #checkIsolation(level: IsolationLevel) {
    const driver = this.#options.drivers.find((one) => one.name === level);
    const health = this.#drivers.get(level)?.health;
    if (driver !== undefined && health?.status === 'healthy') return { driver, health };
    const why =
      driver === undefined || health === undefined
        ? this.#whyAbsent(level)
        : health.status === 'healthy'
          ? ''
          : `${health.reason}; ${health.fix}`;
    throw unprocessable('isolation_unavailable', `isolation ${level} is not available: ${why}`, 'isolation');
  }

  #whyAbsent(level: IsolationLevel): string {
    if (level === 'unsandboxed') {
      return 'it is switched off; HEARTH_ALLOW_UNSANDBOXED=true switches it on, and functions then have all rights of the platform';
    }
    const setting = switchedOnBy.get(level);
    if (setting !== undefined) {
      return `it is switched off; ${setting} switches it on, and docs/drivers/${level}.md says what it needs`;
    }
    const offered = this.#options.drivers.map((driver) => driver.name).join(', ');
    return `this version of Hearth does not have it; choose one of ${offered}`;
  }

  /** Something that this configuration needs was not there when last looked at, and that is some time ago. */
  #isDoubtful(config: VersionConfig): boolean {
    const before = this.#options.clock.monotonic() - (this.#options.recheckAfterMs ?? 5000);
    const driver = this.#drivers.get(config.isolation);
    const runtime = this.#runtimes.get(config.runtime);
    const isDriverDoubtful = driver !== undefined && driver.health.status !== 'healthy' && driver.probedAt < before;
    const isRuntimeDoubtful = runtime !== undefined && runtime.health.status === 'missing' && runtime.probedAt < before;
    return isDriverDoubtful || isRuntimeDoubtful || this.#drivers.size === 0;
  }

  async #probeAll(): Promise<void> {
    const { drivers, runtimes, clock } = this.#options;
    await Promise.all([
      ...drivers.map((driver) => this.#renew(driver)),
      ...runtimes.map(async (runtime) => {
        const health = await runtime.probe();
        this.#runtimes.set(runtime.name, { health, probedAt: clock.monotonic() });
      }),
    ]);
  }

  async #renew(driver: IsolationDriver): Promise<void> {
    const health = await this.#probeDriver(driver);
    this.#drivers.set(driver.name, { health, probedAt: this.#options.clock.monotonic() });
  }

  /** A driver's probe never rejects, but it may hang on a broken daemon. */
  async #probeDriver(driver: IsolationDriver): Promise<DriverHealth> {
    const timeoutMs = this.#options.probeTimeoutMs ?? probeTimes.wholeMs;
    const controller = new AbortController();
    const timedOut = Promise.withResolvers<DriverHealth>();
    const cancel = this.#options.clock.after(timeoutMs, () => {
      controller.abort();
      timedOut.resolve({
        status: 'unhealthy',
        reason: `the probe did not answer within ${timeoutMs} ms`,
        fix: `see whether ${driver.name} hangs on this host`,
      });
    });
    try {
      return await Promise.race([driver.probe(controller.signal), timedOut.promise]);
    } finally {
      cancel();
    }
  }
}

/** What the technology can never run, on whatever host. */
function checkPossible(driver: IsolationDriver, config: VersionConfig): void {
  const why = driver.capabilities.cannotRun?.get(config.runtime);
  if (why === undefined) return;
  const message = `isolation ${config.isolation} cannot run ${config.runtime} ${why}; choose another isolation level`;
  throw unprocessable('runtime_unsupported', message, 'runtime');
}
