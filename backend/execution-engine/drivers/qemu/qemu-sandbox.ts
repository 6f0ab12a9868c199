import type { ChildProcess } from 'node:child_process';
import { constants, truncateSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { PlatformError } from '../../../../shared/errors.ts';
import type { SandboxId } from '../../../../shared/ids.ts';
import type { PreparedImage } from '../../../core/ports/isolation-driver.ts';
import type { ExitReport, OutputLine, ResourceUsage, Sandbox, SandboxHandle } from '../../../core/ports/sandbox.ts';
import { pipeOf } from '../support/child-pipe.ts';
import { CleanUp } from '../support/clean-up.ts';
import type { GuestNetwork } from '../support/egress/guest-network.ts';
import type { RefusalListener } from '../support/egress/refused-packets.ts';
import { decodeStatus, tellsHeapExhausted } from '../support/exit-status.ts';
import type { MemorySource } from '../support/guest/copy-memory.ts';
import { explainDiskFull } from '../support/guest/disk-full.ts';
import type { GuestControl } from '../support/guest/guest-control.ts';
import { type GuestExit, lastWordsOf, reportOfGuest } from '../support/guest/guest-ending.ts';
import type { GuestMemory } from '../support/guest/guest-memory.ts';
import { codeDeviceBytes } from '../support/guest/guest-store.ts';
import type { Cgroup } from '../support/jail/cgroup.ts';
import { emptyCgroup } from '../support/jail/empty-cgroup.ts';
import type { Slot } from '../support/jail/slots.ts';
import type { OutputLimits } from '../support/output-reader.ts';
import { OutputReader } from '../support/output-reader.ts';
import { TextTail } from '../support/text-tail.ts';
import { codeFileOf, enterJail, type QemuProcess, stateFileOf } from './launch.ts';
import { type MappedMemory, openMappedMemory } from './mapped-memory.ts';
import { loadState, saveState } from './migration.ts';
import { descriptors } from './qemu-arguments.ts';
import type { QmpClient } from './qmp-client.ts';

export interface QemuSandboxOptions {
  readonly id: SandboxId;
  readonly qemu: QemuProcess;
  /** The guest's RAM, which the sandbox closes; undefined for a clone that has mapped its snapshot's. */
  readonly memory: GuestMemory | undefined;
  /** Where a clone can be snapshotted: what it has mapped. */
  readonly mapped: MappedMemory | undefined;
  /** Removed with the sandbox. */
  readonly network: GuestNetwork | undefined;
  readonly outputLimits: OutputLimits;
  /** The digest of the code that is on the code device from the start. */
  readonly imageDigest: string | undefined;
  /** Where a version's code image is; made when it is not there. */
  readonly codeImage: (image: PreparedImage) => Promise<string>;
  /** Called once, when nothing is left; with the failures to free something, if there were. */
  readonly onGone: (failures: readonly string[]) => void;
}

const outputPatienceMs = 500;
const lastWordsMs = 1000;

/** One guest in one jailed QEMU. Made by `QemuDriver`, which joins the control group and hands over the arguments. */
export class QemuSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly handle: SandboxHandle;
  readonly exited: Promise<ExitReport>;
  readonly #slot: Slot;
  readonly #memory: GuestMemory | undefined;
  readonly #mapped: MappedMemory | undefined;
  readonly #network: GuestNetwork | undefined;
  readonly #qmp: QmpClient;
  readonly control: GuestControl;
  readonly #qemu: QemuProcess;
  readonly #child: ChildProcess;
  readonly #cgroup: Cgroup;
  readonly #output: OutputReader;
  readonly #codeImage: (image: PreparedImage) => Promise<string>;
  readonly #onGone: (failures: readonly string[]) => void;
  readonly #console = new TextTail();
  readonly #complaints = new TextTail();
  readonly #hadCode: boolean;
  #imageDigest: string | undefined;
  #guestExit: GuestExit | undefined;
  #reason: string | undefined;
  #heapExhausted = false;
  #paused = false;
  #finalUsage: ResourceUsage | undefined;

  constructor(options: QemuSandboxOptions) {
    const { child, cgroup, slot } = options.qemu;
    this.id = options.id;
    this.#slot = slot;
    this.#memory = options.memory;
    this.#mapped = options.mapped;
    this.#network = options.network;
    this.#hadCode = options.imageDigest !== undefined;
    this.#qemu = options.qemu;
    this.#child = child;
    this.#cgroup = cgroup;
    this.#imageDigest = options.imageDigest;
    this.#codeImage = options.codeImage;
    this.#onGone = options.onGone;
    this.handle = {
      schema: 1,
      driver: 'qemu',
      id: options.id,
      data: { pid: child.pid ?? 0, slot: slot.number },
    };
    this.#output = new OutputReader(options.outputLimits, (line) => {
      if (line.stream === 'stderr' && tellsHeapExhausted(line.text)) this.#heapExhausted = true;
    });
    this.exited = new Promise((resolve) => {
      // Without a process there will be no exit event.
      child.once('error', (error) => {
        this.#complaints.push(error.message);
        if (child.pid === undefined) void this.#finish(null, null).then(resolve);
      });
      child.once('exit', (code, signal) => void this.#finish(code, signal).then(resolve));
    });
    this.#output.attach('stdout', pipeOf(child, descriptors.stdout));
    this.#output.attach('stderr', pipeOf(child, descriptors.stderr));
    child.stderr?.on('data', (chunk: Buffer) => this.#complaints.push(chunk.toString('utf8')));
    pipeOf(child, descriptors.console).on('data', (chunk: Buffer) => this.#console.push(chunk.toString('latin1')));
    pipeOf(child, descriptors.status).resume();
    this.#qmp = options.qemu.qmp;
    this.control = options.qemu.control;
    void options.qemu.agentExit.then((exit) => this.#agentExited(exit));
  }

  /** Resolves when QEMU, which is not in its jail yet, takes commands; a clone gets its `state`, and then its guest has gone on. */
  async start(bwrapArguments: Buffer, state?: Buffer): Promise<void> {
    await enterJail(this.#qemu, bwrapArguments);
    if (state === undefined) await this.#qmp.open();
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
    if (this.#memory === undefined && this.#mapped === undefined) {
      throw new PlatformError('unprocessable', 'snapshot_of_clone', 'a copy of a version cannot be snapshotted again');
    }
    await this.control.freeze();
    await this.#qmp.execute('stop');
    const state = await saveState(this.#qmp, stateFileOf(this.#slot));
    const mapped = this.#mapped === undefined ? undefined : openMappedMemory(this.#cgroup.processes(), this.#mapped);
    try {
      return await keep({ memory: (mapped ?? this.#memory) as MemorySource, state, hasCode: this.#hadCode });
    } finally {
      mapped?.close();
    }
  }

  /** For a guest that `save` has stopped, also when it failed, or that has waited stopped. */
  async goOn(): Promise<void> {
    await this.#qmp.execute('cont');
    await this.control.settle();
  }

  /** What bwrap, QEMU or the guest's kernel said last; for the error of a start that failed. */
  get lastWords(): string {
    return lastWordsOf(this.#console, this.#complaints);
  }

  connect(signal: AbortSignal): Promise<Duplex> {
    if (signal.aborted) return Promise.reject(new PlatformError('unavailable', 'aborted', 'connect was aborted'));
    return Promise.resolve(pipeOf(this.#child, descriptors.channel));
  }

  /** The image's bytes go into the file behind the guest's code device, which the guest then mounts. */
  async specialise(image: PreparedImage, signal: AbortSignal): Promise<void> {
    if (this.#imageDigest !== undefined)
      throw new PlatformError('conflict', 'already_specialised', 'the sandbox has an image already');
    this.#imageDigest = image.digest;
    const path = await this.#codeImage(image);
    if (signal.aborted) throw new PlatformError('unavailable', 'aborted', 'loading the code was aborted');
    const file = codeFileOf(this.#slot);
    // The same file that QEMU has open, made as long as the device again.
    try {
      await copyFile(path, file, constants.COPYFILE_FICLONE);
      truncateSync(file, codeDeviceBytes);
    } catch (error) {
      throw explainDiskFull(error, 'the code of a version', this.#slot.directory);
    }
    await this.control.loadCode();
  }

  output(): AsyncIterable<OutputLine> {
    return this.#output;
  }

  /** CPU time is what the host spent; memory and processes are the function's own, as the guest tells, or all of QEMU's. */
  async usage(): Promise<ResourceUsage> {
    if (this.#finalUsage !== undefined) return this.#finalUsage;
    const outside = { ...this.#cgroup.usage(), ...this.#io() };
    if (this.#paused) return outside;
    const inside = await this.control.usage().catch(() => undefined);
    if (inside === undefined) return outside;
    const { memoryBytes, peakMemoryBytes, pids } = inside;
    return { ...outside, memoryBytes, peakMemoryBytes, pids };
  }

  onRefused(listener: RefusalListener): void {
    this.#network?.onRefused(listener);
  }

  /** The guest's clock is the host's counter, so it is right when it goes on. */
  async pause(): Promise<void> {
    if (this.#cgroup.canFreeze) await this.#cgroup.freeze(true);
    else await this.#qmp.execute('stop');
    this.#paused = true;
  }

  async resume(): Promise<void> {
    if (this.#cgroup.canFreeze) await this.#cgroup.freeze(false);
    else {
      await this.#qmp.execute('cont');
      await this.control.settle();
    }
    this.#paused = false;
  }

  async destroy(reason: string): Promise<void> {
    this.#reason ??= reason;
    this.#kill();
    await this.exited;
  }

  #io(): Pick<ResourceUsage, 'io'> {
    return this.#network === undefined ? {} : { io: this.#network.io() };
  }

  /** What the agent wrote before it ended is on its way through QEMU, which answers once it has passed that on. */
  async #agentExited(exit: GuestExit): Promise<void> {
    this.#guestExit = exit;
    await this.#qmp.execute('query-status', undefined, lastWordsMs).catch(() => undefined);
    this.#kill();
  }

  #kill(): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    if (this.#cgroup.kill()) return;
    // Killing bwrap kills process 1 of the namespace with it (die-with-parent), and that all others.
    this.#child.kill('SIGKILL');
  }

  async #finish(code: number | null, signal: string | null): Promise<ExitReport> {
    const cleanUp = new CleanUp();
    const isEmpty = await cleanUp.attempt('processes', () => emptyCgroup(this.#cgroup));
    this.#output.finish();
    await Promise.race([this.#output.over, delay(outputPatienceMs, undefined, { ref: false })]);
    const report = this.#describe(code, signal);
    this.#finalUsage = { ...this.#cgroup.usage(), pids: 0, memoryBytes: 0, ...this.#io() };
    await cleanUp.attempt('control group', () => this.#cgroup.remove());
    // While a process lives, nobody else may get its user id; the next start sweeps.
    this.#memory?.close();
    if (isEmpty) await this.#network?.remove();
    if (isEmpty) await cleanUp.attempt('slot directory', () => this.#slot.free());
    this.#onGone(cleanUp.failures);
    return report;
  }

  #describe(code: number | null, signal: string | null): ExitReport {
    if (this.#guestExit !== undefined) return reportOfGuest(this.#guestExit, this.#heapExhausted, this.#reason);
    // The jail was not killed: QEMU ended by itself although its guest had not said so, whatever was asked for since. Killed, or the guest's kernel is gone.
    const reason = signal === null ? `the microVM ended: ${this.lastWords}` : this.#reason;
    const isSignalled = code !== null && code > 128;
    const ending = isSignalled ? decodeStatus(code) : { code, signal };
    return { ...ending, outOfMemory: this.#cgroup.oomKills() > 0, reason };
  }
}
