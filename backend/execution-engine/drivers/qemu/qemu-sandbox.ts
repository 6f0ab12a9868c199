import type { Duplex } from 'node:stream';
import { PlatformError } from '../../../../shared/errors.ts';
import type { SandboxId } from '../../../../shared/ids.ts';
import type { PreparedImage } from '../../../core/ports/isolation-driver.ts';
import type { ExitReport, OutputLine, ResourceUsage, Sandbox, SandboxHandle } from '../../../core/ports/sandbox.ts';
import { pipeOf } from '../support/child-pipe.ts';
import type { RefusalListener } from '../support/egress/refused-packets.ts';
import { decodeStatus, tellsHeapExhausted } from '../support/exit-status.ts';
import type { MemorySource } from '../support/guest/copy-memory.ts';
import { explainDiskFull } from '../support/guest/disk-full.ts';
import type { GuestControl } from '../support/guest/guest-control.ts';
import { type GuestExit, lastWordsOf, reportOfGuest } from '../support/guest/guest-ending.ts';
import { emptyCgroup } from '../support/jail/empty-cgroup.ts';
import { killJailed } from '../support/jail/jailed-process.ts';
import type { OutputLimits } from '../support/output-reader.ts';
import { OutputReader } from '../support/output-reader.ts';
import type { ProcessEnd } from '../support/process-end.ts';
import { SandboxEnd } from '../support/sandbox-end.ts';
import { TextTail } from '../support/text-tail.ts';
import { codeFileOf, enterJail, fillCodeFile, type QemuProcess, stateFileOf } from './launch.ts';
import { type MappedMemory, openMappedMemory } from './mapped-memory.ts';
import { loadState, saveState } from './migration.ts';
import { descriptors } from './qemu-arguments.ts';

export interface QemuSandboxOptions {
  readonly id: SandboxId;
  /** The sandbox's from now on, with all it holds. */
  readonly qemu: QemuProcess;
  /** Where a clone can be snapshotted: what it has mapped. */
  readonly mapped: MappedMemory | undefined;
  readonly outputLimits: OutputLimits;
  /** The digest of the code that is on the code device from the start. */
  readonly imageDigest: string | undefined;
  /** Where a version's code image is; made when it is not there. */
  readonly codeImage: (image: PreparedImage) => Promise<string>;
  /** Called once, when nothing is left; with the failures to free something, if there were. */
  readonly onGone: (failures: readonly string[]) => void;
}

const lastWordsMs = 1000;

/** One guest in one jailed QEMU. Made by `QemuDriver`, which joins the control group and hands over the arguments. */
export class QemuSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly handle: SandboxHandle;
  readonly exited: Promise<ExitReport>;
  readonly control: GuestControl;
  readonly #qemu: QemuProcess;
  readonly #mapped: MappedMemory | undefined;
  readonly #output: OutputReader;
  readonly #codeImage: (image: PreparedImage) => Promise<string>;
  readonly #end: SandboxEnd<ProcessEnd>;
  readonly #console = new TextTail();
  readonly #complaints = new TextTail();
  readonly #hadCode: boolean;
  #imageDigest: string | undefined;
  #guestExit: GuestExit | undefined;
  #heapExhausted = false;
  #paused = false;
  #finalUsage: ResourceUsage | undefined;

  constructor(options: QemuSandboxOptions) {
    const { child, cgroup, slot, ended, holdings } = options.qemu;
    this.id = options.id;
    this.control = options.qemu.control;
    this.#qemu = options.qemu;
    this.#mapped = options.mapped;
    this.#hadCode = options.imageDigest !== undefined;
    this.#imageDigest = options.imageDigest;
    this.#codeImage = options.codeImage;
    this.handle = {
      schema: 1,
      driver: 'qemu',
      id: options.id,
      data: { pid: child.pid ?? 0, slot: slot.number },
    };
    this.#output = new OutputReader(options.outputLimits, (line) => {
      if (line.stream === 'stderr' && tellsHeapExhausted(line.text)) this.#heapExhausted = true;
    });
    this.#end = new SandboxEnd({
      ended,
      kill: () => killJailed(options.qemu),
      reap: () => emptyCgroup(cgroup),
      report: (end) => this.#report(end),
      holdings,
      onGone: options.onGone,
    });
    this.exited = this.#end.exited;
    this.#output.attach('stdout', pipeOf(child, descriptors.stdout));
    this.#output.attach('stderr', pipeOf(child, descriptors.stderr));
    child.stderr?.on('data', (chunk: Buffer) => this.#complaints.push(chunk.toString('utf8')));
    pipeOf(child, descriptors.console).on('data', (chunk: Buffer) => this.#console.push(chunk.toString('latin1')));
    pipeOf(child, descriptors.status).resume();
    void options.qemu.agentExit.then((exit) => this.#agentExited(exit));
  }

  /** Resolves when QEMU, which is not in its jail yet, takes commands; a clone gets its `state`, and then its guest has gone on. */
  async start(bwrapArguments: Buffer, state?: Buffer): Promise<void> {
    await enterJail(this.#qemu, bwrapArguments);
    if (state === undefined) await this.#qemu.qmp.open();
    else {
      await loadState(this.#qemu, state);
      await this.control.settle();
    }
  }

  /**
   * Stops the guest while `keep` copies its memory. The function's processes stay stopped inside until `goOn`. Rejects with `unprocessable`
   * (`snapshot_of_clone`) for a copy of a version.
   */
  async save<T>(keep: (parts: { memory: MemorySource; state: Buffer; hasCode: boolean }) => Promise<T>): Promise<T> {
    const { qmp, slot, cgroup, memory } = this.#qemu;
    if (memory === undefined && this.#mapped === undefined) {
      throw new PlatformError('unprocessable', 'snapshot_of_clone', 'a copy of a version cannot be snapshotted again');
    }
    await this.control.freeze();
    await qmp.execute('stop');
    const state = await saveState(qmp, stateFileOf(slot));
    const mapped = this.#mapped === undefined ? undefined : openMappedMemory(cgroup.processes(), this.#mapped);
    try {
      return await keep({ memory: (mapped ?? memory) as MemorySource, state, hasCode: this.#hadCode });
    } finally {
      mapped?.close();
    }
  }

  /** For a guest that was stopped: by `save`, also when that failed, or while it waited, or by `pause`. */
  async goOn(): Promise<void> {
    await this.#qemu.qmp.execute('cont');
    await this.control.settle();
  }

  /** What bwrap, QEMU or the guest's kernel said last; for the error of a start that failed. */
  get lastWords(): string {
    return lastWordsOf(this.#console, this.#complaints);
  }

  connect(signal: AbortSignal): Promise<Duplex> {
    if (signal.aborted) return Promise.reject(new PlatformError('unavailable', 'aborted', 'connect was aborted'));
    return Promise.resolve(pipeOf(this.#qemu.child, descriptors.channel));
  }

  /** The image's bytes go into the file behind the guest's code device, which the guest then mounts. */
  async specialise(image: PreparedImage, signal: AbortSignal): Promise<void> {
    if (this.#imageDigest !== undefined)
      throw new PlatformError('conflict', 'already_specialised', 'the sandbox has an image already');
    this.#imageDigest = image.digest;
    const path = await this.#codeImage(image);
    if (signal.aborted) throw new PlatformError('unavailable', 'aborted', 'loading the code was aborted');
    const { slot } = this.#qemu;
    // What QEMU has open.
    const file = codeFileOf(slot);
    try {
      await fillCodeFile(file, path);
    } catch (error) {
      throw explainDiskFull(error, 'the code of a version', slot.directory);
    }
    await this.control.loadCode();
  }

  output(): AsyncIterable<OutputLine> {
    return this.#output;
  }

  /** CPU time is what the host spent; memory and processes are the function's own, as the guest tells, or all of QEMU's. */
  async usage(): Promise<ResourceUsage> {
    if (this.#finalUsage !== undefined) return this.#finalUsage;
    const outside = { ...this.#qemu.cgroup.usage(), ...this.#io() };
    if (this.#paused) return outside;
    const inside = await this.control.usage().catch(() => undefined);
    if (inside === undefined) return outside;
    const { memoryBytes, peakMemoryBytes, pids } = inside;
    return { ...outside, memoryBytes, peakMemoryBytes, pids };
  }

  onRefused(listener: RefusalListener): void {
    this.#qemu.network?.onRefused(listener);
  }

  /** The guest's clock is the host's counter, so it is right when it goes on. */
  async pause(): Promise<void> {
    const { cgroup, qmp } = this.#qemu;
    if (cgroup.canFreeze) await cgroup.freeze(true);
    else await qmp.execute('stop');
    this.#paused = true;
  }

  async resume(): Promise<void> {
    const { cgroup } = this.#qemu;
    if (cgroup.canFreeze) await cgroup.freeze(false);
    else await this.goOn();
    this.#paused = false;
  }

  async destroy(reason: string): Promise<void> {
    await this.#end.destroy(reason);
  }

  #io(): Pick<ResourceUsage, 'io'> {
    const { network } = this.#qemu;
    return network === undefined ? {} : { io: network.io() };
  }

  /** What the agent wrote before it ended is on its way through QEMU, which answers once it has passed that on. */
  async #agentExited(exit: GuestExit): Promise<void> {
    this.#guestExit = exit;
    await this.#qemu.qmp.execute('query-status', undefined, lastWordsMs).catch(() => undefined);
    killJailed(this.#qemu);
  }

  async #report(end: ProcessEnd): Promise<ExitReport> {
    if (end.error !== undefined) this.#complaints.push(end.error.message);
    await this.#output.finish();
    this.#finalUsage = { ...this.#qemu.cgroup.usage(), pids: 0, memoryBytes: 0, ...this.#io() };
    return this.#describe(end);
  }

  #describe({ code, signal }: ProcessEnd): ExitReport {
    const { reason } = this.#end;
    if (this.#guestExit !== undefined) return reportOfGuest(this.#guestExit, this.#heapExhausted, reason);
    const isSignalled = code !== null && code > 128;
    const ending = isSignalled ? decodeStatus(code) : { code, signal };
    // The jail was not killed: QEMU ended by itself although its guest had not said so, whatever was asked for since. Killed, or the guest's kernel is gone.
    const ownReason = signal === null ? `the microVM ended: ${this.lastWords}` : reason;
    return { ...ending, outOfMemory: this.#qemu.cgroup.oomKills() > 0, reason: ownReason };
  }
}
