import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { PlatformError } from '../../../../shared/errors.ts';
import type { SandboxId } from '../../../../shared/ids.ts';
import type { PreparedImage, SandboxLimits } from '../../../core/ports/isolation-driver.ts';
import type { ExitReport, OutputLine, ResourceUsage, Sandbox, SandboxHandle } from '../../../core/ports/sandbox.ts';
import type { GuestNetwork } from '../support/egress/guest-network.ts';
import type { PacketRate } from '../support/egress/packet-rates.ts';
import type { RefusalListener } from '../support/egress/refused-packets.ts';
import { tellsHeapExhausted } from '../support/exit-status.ts';
import { FirecrackerClient } from '../support/firecracker-api/client.ts';
import { GuestControl } from '../support/guest/guest-control.ts';
import { beforeHanging, type GuestExit, lastWordsOf, reportOfGuest } from '../support/guest/guest-ending.ts';
import type { Cgroup } from '../support/jail/cgroup.ts';
import { emptyCgroup } from '../support/jail/empty-cgroup.ts';
import { type JailedProcess, killJailed } from '../support/jail/jailed-process.ts';
import type { Slot } from '../support/jail/slots.ts';
import { type OutputLimits, OutputReader } from '../support/output-reader.ts';
import type { ProcessEnd } from '../support/process-end.ts';
import { SandboxEnd } from '../support/sandbox-end.ts';
import { TextTail } from '../support/text-tail.ts';
import { type JailDirectory, jailed } from './jail-directory.ts';
import { MetricsReader } from './metrics-reader.ts';
import { reclaimMemory, restoreMicrovm, startMicrovm } from './microvm-settings.ts';
import { RenewableStream } from './renewable-stream.ts';
import { takeOut, type WrittenSnapshot } from './snapshot-outbox.ts';

export interface FirecrackerSandboxOptions {
  readonly id: SandboxId;
  /** It waits for a line before it begins and becomes Firecracker. The sandbox's from now on, with all it holds. */
  readonly jailer: JailedProcess & { readonly cgroup: Cgroup };
  readonly slot: Slot;
  readonly jail: JailDirectory;
  /** Of a guest with a network card. */
  readonly network: GuestNetwork | undefined;
  readonly outputLimits: OutputLimits;
  readonly imageDigest: string | undefined;
  /** It begins as a copy, from the snapshot that is in the jail. */
  readonly isRestored: boolean;
  /** Where a version's code image is; made when it is not there. */
  readonly codeImage: (image: PreparedImage) => Promise<string>;
  /** Called once, when nothing is left; with the failures to free something, if there were. */
  readonly onGone: (failures: readonly string[]) => void;
}

/** A boot under KVM takes a fraction of a second. */
const bootPatienceMs = 15_000;
const apiPollMs = 5;
const renewalPatienceMs = 5000;

/** One guest in one jailed Firecracker. Made by `FirecrackerDriver`, which makes the jail. */
export class FirecrackerSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly handle: SandboxHandle;
  readonly exited: Promise<ExitReport>;
  readonly #options: FirecrackerSandboxOptions;
  readonly #client: FirecrackerClient;
  readonly #output: OutputReader;
  readonly #metrics: MetricsReader;
  readonly #console = new TextTail();
  readonly #complaints = new TextTail();
  /** What the pool has; the calls behind it change. */
  readonly #channel = new RenewableStream();
  /** The version's code was on the code device when the guest booted. */
  readonly #hadCode: boolean;
  #hasCalled = false;
  #control: GuestControl | undefined;
  #imageDigest: string | undefined;
  #guestExit: GuestExit | undefined;
  readonly #end: SandboxEnd<ProcessEnd>;
  #heapExhausted = false;
  #paused = false;
  #finalUsage: ResourceUsage | undefined;

  constructor(options: FirecrackerSandboxOptions) {
    const { jailer, jail, slot, id } = options;
    const { child, holdings } = jailer;
    this.id = id;
    this.#options = options;
    this.#imageDigest = options.imageDigest;
    this.#hadCode = options.imageDigest !== undefined;
    this.handle = { schema: 1, driver: 'firecracker', id, data: { pid: child.pid ?? 0, slot: slot.number } };
    this.#client = new FirecrackerClient(jail.path + jailed.api);
    this.#output = new OutputReader(options.outputLimits, (line) => {
      if (line.stream === 'stderr' && tellsHeapExhausted(line.text)) this.#heapExhausted = true;
    });
    holdings.hold('channel', () => this.#channel.destroy());
    holdings.hold('connection to the API', () => this.#client.close());
    this.#end = new SandboxEnd({
      ended: jailer.ended,
      kill: () => killJailed(jailer),
      reap: () => emptyCgroup(jailer.cgroup),
      report: (end) => this.#report(end),
      holdings,
      onGone: options.onGone,
    });
    this.exited = this.#end.exited;
    child.stdin?.on('error', () => undefined);
    // The guest's console; Firecracker's own words are on the log and, before there is one, on stderr.
    child.stdout?.on('data', (chunk: Buffer) => this.#console.push(chunk.toString('latin1')));
    child.stderr?.on('data', (chunk: Buffer) => this.#complaints.push(chunk.toString('utf8')));
    jail.log.on('data', (chunk: Buffer) => this.#complaints.push(chunk.toString('utf8')));
    this.#metrics = new MetricsReader(jail.metrics);
  }

  /** Joins the control group, lets the jailer begin, sets the microVM up, and resolves when init has started the agent. */
  async start(limits: SandboxLimits, packetRate: PacketRate, signal: AbortSignal): Promise<void> {
    const { child, cgroup } = this.#options.jailer;
    if (child.pid !== undefined) await cgroup.join(child.pid);
    child.stdin?.end('go\n');
    const deadline = performance.now() + bootPatienceMs;
    await this.#awaitApi(deadline);
    if (this.#options.isRestored) await restoreMicrovm(this.#client, signal);
    else await startMicrovm(this.#client, { limits, hasCode: this.#hadCode, packetRate, signal });
    const leftMs = Math.max(0, deadline - performance.now());
    await beforeHanging(this.#awaitGuest(), leftMs, `a guest did not begin within ${bootPatienceMs} ms`);
  }

  /** The host's end of init's control port. Throws when the guest has not called yet. */
  get control(): GuestControl {
    if (this.#control === undefined) throw ended();
    return this.#control;
  }

  /**
   * Writes down what the guest is, while it stands still. The function's processes stay stopped inside until `control.settle`, by which time the guest has called
   * anew: Firecracker breaks all calls of a guest that it snapshots. The caller closes the memory. Rejects with `unprocessable` (`snapshot_of_clone`) for a
   * copy: its pages are the snapshot's. When Firecracker fails, the sandbox is destroyed: nobody knows which calls it has broken.
   */
  async save(type: 'Full' | 'Diff', memoryBytes: number): Promise<WrittenSnapshot & { readonly hasCode: boolean }> {
    const { isRestored, jail } = this.#options;
    if (isRestored) {
      throw new PlatformError('unprocessable', 'snapshot_of_clone', 'a restored guest cannot be snapshotted again');
    }
    await this.control.freeze();
    try {
      const endFormerCalls = await jail.listenAgain();
      await this.#client.pause();
      await this.#client.createSnapshot({
        snapshot_path: jailed.state,
        mem_file_path: jailed.memory,
        snapshot_type: type,
      });
      const written = await takeOut(
        { state: jail.path + jailed.state, memory: jail.path + jailed.memory },
        memoryBytes,
      );
      this.#channel.hold();
      await this.#client.resume();
      await beforeHanging(this.#awaitGuest(true), renewalPatienceMs, 'a guest did not call again');
      endFormerCalls();
      return { ...written, hasCode: this.#hadCode };
    } catch (error) {
      await this.destroy('a snapshot of it could not be taken');
      throw error;
    }
  }

  /** What the jailer, Firecracker or the guest's kernel said last; for the error of a start that failed. */
  get lastWords(): string {
    return lastWordsOf(this.#console, this.#complaints);
  }

  connect(signal: AbortSignal): Promise<Duplex> {
    if (signal.aborted) return Promise.reject(new PlatformError('unavailable', 'aborted', 'connect was aborted'));
    if (!this.#hasCalled) return Promise.reject(ended());
    return Promise.resolve(this.#channel);
  }

  /** The code image comes into the jail and behind the guest's code device, which the guest then mounts. */
  async specialise(image: PreparedImage, signal: AbortSignal): Promise<void> {
    if (this.#imageDigest !== undefined)
      throw new PlatformError('conflict', 'already_specialised', 'the sandbox has an image already');
    this.#imageDigest = image.digest;
    const path = await this.#options.codeImage(image);
    if (signal.aborted) throw new PlatformError('unavailable', 'aborted', 'loading the code was aborted');
    await this.#options.jail.addCode(path);
    await this.#client.updateDrive({ drive_id: 'code', path_on_host: jailed.lateCode }, signal);
    if (this.#control === undefined) throw ended();
    await this.#control.loadCode();
  }

  output(): AsyncIterable<OutputLine> {
    return this.#output;
  }

  /** CPU time is what the host spent; memory and processes are the function's own, as the guest tells, or all of Firecracker's. */
  async usage(): Promise<ResourceUsage> {
    if (this.#finalUsage !== undefined) return this.#finalUsage;
    const outside = this.#options.jailer.cgroup.usage();
    if (this.#paused || this.#control === undefined) return outside;
    // What it writes now is read before the guest has answered, or else with the next one.
    await this.#client.flushMetrics().catch(() => undefined);
    const inside = await this.#control.usage().catch(() => undefined);
    if (inside === undefined) return outside;
    const { memoryBytes, peakMemoryBytes, pids } = inside;
    return { cpuMs: outside.cpuMs, memoryBytes, peakMemoryBytes, pids, io: this.#io() };
  }

  onRefused(listener: RefusalListener): void {
    this.#options.network?.onRefused(listener);
  }

  /** Takes back what memory the guest can spare first: nobody knows for how long. */
  async pause(): Promise<void> {
    await reclaimMemory(this.#client);
    await this.#client.pause();
    this.#paused = true;
  }

  async resume(): Promise<void> {
    await this.#client.resume();
    this.#paused = false;
    await this.#client.inflateBalloon(0);
    await this.#control?.settle();
  }

  async destroy(reason: string): Promise<void> {
    await this.#end.destroy(reason);
  }

  async #awaitApi(deadline: number): Promise<void> {
    for (;;) {
      if (this.#end.hasEnded) throw ended();
      try {
        await this.#client.describe();
        return;
      } catch (error) {
        if (performance.now() > deadline) throw error;
      }
      await delay(apiPollMs);
    }
  }

  /** `isAnew`: it has called before, and its function stands still. */
  async #awaitGuest(isAnew = this.#options.isRestored): Promise<void> {
    const streams = await this.#options.jail.calls.streams;
    this.#hasCalled = true;
    this.#channel.attach(streams.channel);
    this.#output.attach('stdout', streams.stdout);
    this.#output.attach('stderr', streams.stderr);
    const exited = (status: number, oomKills: number) => void this.#agentExited(status, oomKills);
    this.#control = new GuestControl(streams.control, { exited }, { isRestored: isAnew, transport: 'vsock' });
    await this.#control.started;
    if (this.#options.isRestored) await this.#control.settle();
  }

  #io() {
    const diskReadBytes = this.#metrics.diskReadBytes;
    const none = { networkReceivedBytes: 0, networkSentBytes: 0, diskWrittenBytes: 0 };
    return { ...(this.#options.network?.io() ?? none), diskReadBytes };
  }

  /** What the agent wrote before it ended is on its way; its streams end with it, unless a child of its holds them. */
  async #agentExited(status: number, oomKills: number): Promise<void> {
    if (this.#guestExit !== undefined) return;
    this.#guestExit = { status, oomKills };
    await this.#output.almostOver();
    killJailed(this.#options.jailer);
  }

  async #report(end: ProcessEnd): Promise<ExitReport> {
    if (end.error !== undefined) this.#complaints.push(end.error.message);
    // A guest that has not called has no streams that could end.
    if (!this.#hasCalled) this.#output.end();
    await this.#output.finish();
    this.#finalUsage = { ...this.#options.jailer.cgroup.usage(), pids: 0, memoryBytes: 0, io: this.#io() };
    return this.#describe(end);
  }

  #describe({ code, signal }: ProcessEnd): ExitReport {
    if (this.#guestExit !== undefined) return reportOfGuest(this.#guestExit, this.#heapExhausted, this.#end.reason);
    // Firecracker ended although its guest had not said so: killed, or the guest's kernel is gone.
    if (signal === null) this.#end.explain(`the microVM ended: ${this.lastWords}`);
    const outOfMemory = this.#options.jailer.cgroup.oomKills() > 0;
    return { code, signal, outOfMemory, reason: this.#end.reason };
  }
}

function ended(): PlatformError {
  return new PlatformError('unavailable', 'vmm_lost', 'Firecracker has ended');
}
