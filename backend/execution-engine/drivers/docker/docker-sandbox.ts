import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { PlatformError } from '../../../../shared/errors.ts';
import type { SandboxId } from '../../../../shared/ids.ts';
import type { PreparedImage } from '../../../core/ports/isolation-driver.ts';
import type { ExitReport, OutputLine, ResourceUsage, Sandbox, SandboxHandle } from '../../../core/ports/sandbox.ts';
import type { PacketRate } from '../support/egress/packet-rates.ts';
import type { RefusalListener } from '../support/egress/refused-packets.ts';
import { decodeStatus, endedForHeap, tellsHeapExhausted } from '../support/exit-status.ts';
import type { Holdings } from '../support/holdings.ts';
import { type OutputLimits, OutputReader } from '../support/output-reader.ts';
import { SandboxEnd } from '../support/sandbox-end.ts';
import type { ChannelListener } from './channel-listener.ts';
import { ContainerCgroup, type ContainerLimits } from './container-cgroup.ts';
import { ioFromStats } from './container-io.ts';
import { launcherProcesses } from './container-spec.ts';
import type { EgressNetwork } from './egress/egress-network.ts';
import type { AttachedOutput } from './engine/demultiplexer.ts';
import type { EngineClient } from './engine/engine-client.ts';
import { engineErrorCodes, isEngineError, isEngineGone } from './engine/engine-errors.ts';
import type { ContainerInspection, ContainerStats } from './engine/engine-types.ts';
import type { Slot } from './slots.ts';

export interface DockerSandboxOptions {
  readonly id: SandboxId;
  readonly containerId: string;
  readonly engine: EngineClient;
  readonly channel: ChannelListener;
  readonly slot: Slot;
  /** The slot; the sandbox's from now on, which adds what else it has to give back. */
  readonly holdings: Holdings;
  readonly outputLimits: OutputLimits;
  readonly hasImage: boolean;
  /** The container with the agent, where the program of an image runs beside it: both end together. */
  readonly companionId: string | undefined;
  /** From SIGTERM to SIGKILL; 0 for agents, which have nothing to tidy up. */
  readonly graceSeconds: number;
  /** How long a daemon that went away may stay away before its containers are given up. */
  readonly daemonPatienceMs: number;
  /** Called once, when nothing is left that can be freed now; with what could not be. */
  readonly onGone: (failures: readonly string[]) => void;
}

const retryPauseMs = 100;
/** The same for a sandbox that is being destroyed: its processes have been killed already where that is possible. */
const dyingPatienceMs = 1000;
/** A daemon that is there but cannot say when a container ends, so often, has lost it. */
const maxRefusals = 20;
/** The daemon learns of an out-of-memory kill and of the end of a container on different ways; the first may be later. */
const oomPatienceMs = 150;
const oomPauseMs = 25;

/** How a container ended, as far as it can be known. */
interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  /** The daemon still has the container's record. */
  readonly hasRecord: boolean;
}

/** One container. Made by `DockerDriver.create`, which starts it. */
export class DockerSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly containerId: string;
  readonly handle: SandboxHandle;
  readonly exited: Promise<ExitReport>;
  readonly #options: DockerSandboxOptions;
  readonly #output: OutputReader;
  readonly #ended = Promise.withResolvers<Ending>();
  readonly #end: SandboxEnd<Ending>;
  #pid = 0;
  #cgroup: ContainerCgroup | undefined;
  #ending: Ending | undefined;
  #killedForMemory = false;
  #heapExhausted = false;
  #specialised: boolean;
  #killing: Promise<boolean> | undefined;
  #usage: ResourceUsage = { cpuMs: 0, memoryBytes: 0, peakMemoryBytes: 0, pids: 0 };
  #lastError = '';
  #leaveNetwork: (() => Promise<void>) | undefined;
  #onRefused: RefusalListener | undefined;
  #isWatched = false;
  #over = false;

  constructor(options: DockerSandboxOptions) {
    this.#options = options;
    this.id = options.id;
    this.containerId = options.containerId;
    this.#specialised = options.hasImage;
    this.handle = { schema: 1, driver: 'docker', id: options.id, data: { container: options.containerId } };
    this.#output = new OutputReader(options.outputLimits, (line) => this.#watchLine(line));
    this.#holdContainers(options.holdings);
    this.#end = new SandboxEnd({
      ended: this.#ended.promise,
      kill: () => this.#kill(),
      report: (ending) => this.#report(ending),
      holdings: options.holdings,
      onGone: options.onGone,
    });
    this.exited = this.#end.exited;
  }

  /** The last line on stderr; says what was wrong when the program could not be started. */
  get lastError(): string {
    return this.#lastError;
  }

  readFrom(attached: AttachedOutput): void {
    this.#output.attach('stdout', attached.stdout);
    this.#output.attach('stderr', attached.stderr);
  }

  /** To be called from the start of its container on: without it nobody learns of its end. Idempotent. */
  watch(): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    void this.#watchCompanion();
    // Nothing in there rejects on purpose; if something does, the sandbox must still be over for everybody.
    this.#ended.resolve(this.#awaitEnd().catch((error: unknown) => this.#abandon(error)));
  }

  /** From now on it sends and receives at this rate, and its listener is told where its packets were dropped. Rejects as `attend` does. */
  async joinNetwork(network: EgressNetwork, address: string, rate: PacketRate): Promise<void> {
    this.#leaveNetwork = await network.attend(address, rate, (target) => this.#onRefused?.(target));
  }

  onRefused(listener: RefusalListener): void {
    this.#onRefused = listener;
  }

  connect(signal: AbortSignal): Promise<Duplex> {
    return this.#options.channel.connect(signal);
  }

  async specialise(image: PreparedImage, signal: AbortSignal): Promise<void> {
    if (this.#specialised)
      throw new PlatformError('conflict', 'already_specialised', 'the sandbox has an image already');
    this.#specialised = true;
    await this.#options.slot.load(image, signal);
  }

  output(): AsyncIterable<OutputLine> {
    return this.#output;
  }

  async usage(): Promise<ResourceUsage> {
    if (!this.#over) this.#usage = this.#usageFromFiles() ?? (await this.#usageFromDaemon());
    return this.#usage;
  }

  async pause(): Promise<void> {
    await this.#options.engine.pauseContainer(this.containerId);
  }

  async resume(): Promise<void> {
    await this.#options.engine.unpauseContainer(this.containerId);
  }

  async destroy(reason: string): Promise<void> {
    await this.#end.destroy(reason);
  }

  /** What holds the container, as the kernel says it, or else the daemon; NaN for what neither knows. */
  async limits(): Promise<ContainerLimits> {
    const fromKernel = this.#cgroup?.limits();
    if (fromKernel !== undefined) return fromKernel;
    const stats = await this.#options.engine.stats(this.containerId);
    return { memoryBytes: stats.memory_stats?.limit ?? Number.NaN, pids: stats.pids_stats?.limit ?? Number.NaN };
  }

  /** For a daemon that does not say so itself. */
  endIfStarved(): void {
    if (!this.#killedForMemory && (this.#cgroup?.oomKills() ?? 0) > 0) this.endForMemory();
  }

  /** The kernel has killed a process of this container for lack of memory: the rest of it is not worth keeping. */
  endForMemory(): void {
    if (this.#over) return;
    this.#killedForMemory = true;
    void this.#kill();
  }

  /** Kills and removes in one request; what cannot be done because the daemon is away is done to the processes directly. */
  #kill(): Promise<boolean> {
    this.#killing ??= this.#killOnce();
    return this.#killing;
  }

  /** True when the daemon has removed the container. */
  async #killOnce(): Promise<boolean> {
    if (this.#over) return true;
    const { engine, graceSeconds } = this.#options;
    try {
      // One that cannot be stopped is removed all the same.
      if (graceSeconds > 0 && !this.#killedForMemory)
        await engine.stopContainer(this.containerId, graceSeconds).catch(() => undefined);
      await engine.removeContainer(this.containerId);
      return true;
    } catch (error) {
      if (isEngineError(error, engineErrorCodes.containerMissing)) return true;
      killInit(this.#pid, this.containerId);
      this.#options.channel.sever();
      return false;
    }
  }

  #usageFromFiles(): ResourceUsage | undefined {
    try {
      return this.#cgroup?.usage(this.#usage.peakMemoryBytes);
    } catch {
      // It is ending right now; the daemon knows more.
      return undefined;
    }
  }

  async #usageFromDaemon(): Promise<ResourceUsage> {
    try {
      return toUsage(await this.#options.engine.stats(this.containerId), this.#usage);
    } catch (error) {
      if (this.#over || isEngineError(error, engineErrorCodes.containerMissing)) return this.#usage;
      throw error;
    }
  }

  /** A program without its agent is of no use. */
  async #watchCompanion(): Promise<void> {
    const { companionId, engine } = this.#options;
    if (companionId === undefined) return;
    try {
      await engine.waitContainer(companionId);
    } catch (error) {
      // While the daemon is away the program's own watch decides.
      if (!isEngineError(error, engineErrorCodes.containerMissing)) return;
    }
    if (this.#over || this.#killing !== undefined) return;
    this.#end.explain('the agent beside its container ended');
    await this.#kill();
  }

  async #report(ending: Ending): Promise<ExitReport> {
    this.#ending = ending;
    // What it said last explains its end.
    await this.#output.almostOver();
    const outOfMemory = await this.#findOutOfMemory(ending);
    this.#over = true;
    return { code: ending.code, signal: ending.signal, outOfMemory, reason: this.#end.reason };
  }

  /** Waits as long as the container lives, through restarts of the daemon. */
  async #awaitEnd(): Promise<Ending> {
    const { engine, daemonPatienceMs } = this.#options;
    let lostAt: number | undefined;
    let refusals = 0;
    for (;;) {
      try {
        if (lostAt !== undefined) await engine.ping();
        lostAt = undefined;
        const code = await engine.waitContainer(this.containerId);
        return { ...decodeStatus(code), hasRecord: true };
      } catch (error) {
        if (isEngineError(error, engineErrorCodes.containerMissing)) return this.#vanished();
        lostAt ??= performance.now();
        const patienceMs =
          this.#end.reason === undefined ? daemonPatienceMs : Math.min(daemonPatienceMs, dyingPatienceMs);
        const isTooLong = performance.now() - lostAt > patienceMs;
        const isTooOften = !isEngineGone(error) && ++refusals > maxRefusals;
        if (isTooLong || isTooOften) return this.#abandon(error);
        await delay(retryPauseMs, undefined, { ref: false });
      }
    }
  }

  #vanished(): Ending {
    if (!this.#killedForMemory) this.#end.explain('its container was removed by somebody else');
    return { code: null, signal: null, hasRecord: false };
  }

  /** The daemon stays away: ends what can be ended from here. Its record of the container is swept when it is back. */
  #abandon(error: unknown): Ending {
    const why = error instanceof Error ? error.message : String(error);
    this.#end.explain(`the Docker daemon is gone: ${why}`);
    killInit(this.#pid, this.containerId);
    this.#options.channel.sever();
    return { code: null, signal: null, hasRecord: true };
  }

  async #findOutOfMemory(ending: Ending): Promise<boolean> {
    if (this.#killedForMemory) return true;
    const { reason } = this.#end;
    if (this.#heapExhausted && endedForHeap(ending, reason)) return true;
    if (reason !== undefined) return false;
    if (ending.signal !== 'SIGKILL' || !ending.hasRecord) return false;
    const deadline = performance.now() + oomPatienceMs;
    for (;;) {
      const state = await this.#inspectQuietly();
      if (state?.OOMKilled === true || this.#killedForMemory) return true;
      if (state === undefined || performance.now() > deadline) return false;
      await delay(oomPauseMs);
    }
  }

  async #inspectQuietly(): Promise<ContainerInspection['State'] | undefined> {
    try {
      return (await this.#options.engine.inspectContainer(this.containerId)).State;
    } catch {
      return undefined;
    }
  }

  /** In the order in which it comes, which is given back the other way round: nobody waits for the channel of a container that is going. */
  #holdContainers(holdings: Holdings): void {
    const { engine, channel, companionId } = this.#options;
    holdings.hold('network', () => this.#leaveNetwork?.());
    holdings.hold('control group', () => this.#cgroup?.close());
    holdings.hold('output', () => this.#output.end());
    if (companionId !== undefined) holdings.hold('container of the agent', () => removeIfThere(engine, companionId));
    holdings.hold('container', async () => {
      if (this.#ending?.hasRecord === false || (await this.#killing) === true) return;
      await removeIfThere(engine, this.containerId);
    });
    holdings.hold('channel', () => channel.close(this.#end.reason ?? describe(this.#ending, this.#lastError)));
  }

  #watchLine(line: OutputLine): void {
    if (line.stream !== 'stderr') return;
    this.#lastError = line.text;
    if (tellsHeapExhausted(line.text)) this.#heapExhausted = true;
  }

  /** The host's number of process 1 of the container: for its control groups, and for the day when the daemon cannot be asked to kill it. */
  setPid(pid: number): void {
    this.#pid = pid;
    this.#cgroup = ContainerCgroup.find(pid, this.containerId);
  }
}

async function removeIfThere(engine: EngineClient, containerId: string): Promise<void> {
  try {
    await engine.removeContainer(containerId);
  } catch (error) {
    if (!isEngineError(error, engineErrorCodes.containerMissing, engineErrorCodes.conflict)) throw error;
  }
}

/**
 * Kills process 1 of a container, and with it all others, without the daemon. Only on the same host, with the right to, and
 * only if the control groups of that process still name the container.
 */
function killInit(pid: number, containerId: string): void {
  if (pid <= 1) return;
  try {
    if (readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(containerId)) process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended, is not ours to kill, or lives on another machine.
  }
}

function describe(ending: Ending | undefined, lastError: string): string {
  const how = ending?.signal ? `it ended by ${ending.signal}` : `it exited with code ${ending?.code ?? 'unknown'}`;
  return lastError === '' ? how : `${how}: ${lastError}`;
}

/** Memory without the page cache that can be dropped at once, as `docker stats` counts it. */
function toUsage(stats: ContainerStats, before: ResourceUsage): ResourceUsage {
  const memory = stats.memory_stats;
  const cache = memory?.stats?.['total_inactive_file'] ?? memory?.stats?.['inactive_file'] ?? 0;
  const memoryBytes = Math.max(0, (memory?.usage ?? 0) - cache);
  return {
    cpuMs: (stats.cpu_stats?.cpu_usage?.total_usage ?? 0) / 1e6,
    memoryBytes,
    peakMemoryBytes: Math.max(before.peakMemoryBytes, memoryBytes, memory?.max_usage ?? 0),
    pids: Math.max(0, (stats.pids_stats?.current ?? 0) - launcherProcesses),
    io: ioFromStats(stats),
  };
}
