import type { ChildProcess } from 'node:child_process';
import { rm } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { PlatformError } from '../../../../shared/errors.ts';
import type { SandboxId } from '../../../../shared/ids.ts';
import type { PreparedImage } from '../../../core/ports/isolation-driver.ts';
import type { ExitReport, OutputLine, ResourceUsage, Sandbox, SandboxHandle } from '../../../core/ports/sandbox.ts';
import { endedForHeap, tellsHeapExhausted } from '../support/exit-status.ts';
import { linkTree } from '../support/file-linking.ts';
import { Holdings } from '../support/holdings.ts';
import type { OutputLimits } from '../support/output-reader.ts';
import { OutputReader } from '../support/output-reader.ts';
import { endOf, type ProcessEnd } from '../support/process-end.ts';
import { signalTree, treeUsage } from '../support/process-tree.ts';
import { SandboxEnd } from '../support/sandbox-end.ts';

export interface UnsandboxedSandboxOptions {
  readonly id: SandboxId;
  /** Spawned detached, with the channel on descriptor 3. */
  readonly child: ChildProcess;
  readonly directory: string;
  readonly outputLimits: OutputLimits;
  readonly hasImage: boolean;
  /** Called once, when nothing is left; with the failures to free something, if there were. */
  readonly onGone: (failures: readonly string[]) => void;
}

const emptyUsage: ResourceUsage = { cpuMs: 0, memoryBytes: 0, peakMemoryBytes: 0, pids: 0 };

/** A plain child process and its process group. */
export class UnsandboxedSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly handle: SandboxHandle;
  readonly exited: Promise<ExitReport>;
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #output: OutputReader;
  readonly #end: SandboxEnd<ProcessEnd>;
  #heapExhausted = false;
  #specialised: boolean;

  constructor(options: UnsandboxedSandboxOptions) {
    const { child } = options;
    this.id = options.id;
    this.handle = { schema: 1, driver: 'unsandboxed', id: options.id, data: { pid: child.pid ?? 0 } };
    this.#child = child;
    this.#directory = options.directory;
    this.#specialised = options.hasImage;
    this.#output = new OutputReader(options.outputLimits, (line) => {
      if (line.stream === 'stderr' && tellsHeapExhausted(line.text)) this.#heapExhausted = true;
    });
    if (child.stdout !== null) this.#output.attach('stdout', child.stdout);
    if (child.stderr !== null) this.#output.attach('stderr', child.stderr);
    this.#channel.on('error', () => undefined);
    this.#end = new SandboxEnd({
      ended: endOf(child),
      kill: () => {
        if (!this.#end.hasEnded) this.#killGroup();
      },
      // What it started in its group ends with it; what left the group (setsid) after the parent's death cannot be found: no isolation.
      reap: () => this.#killGroup(),
      report: (end) => this.#report(end),
      holdings: this.#holdings(),
      onGone: options.onGone,
    });
    this.exited = this.#end.exited;
  }

  get #channel(): Duplex {
    return this.#child.stdio[3] as Duplex;
  }

  connect(signal: AbortSignal): Promise<Duplex> {
    if (signal.aborted) return Promise.reject(new PlatformError('unavailable', 'aborted', 'connect was aborted'));
    return Promise.resolve(this.#channel);
  }

  async specialise(image: PreparedImage, signal: AbortSignal): Promise<void> {
    if (this.#specialised) {
      throw new PlatformError('conflict', 'already_specialised', 'the sandbox has an image already');
    }
    this.#specialised = true;
    await this.load(image, signal);
  }

  /** Links the files into the code directory. */
  async load(image: PreparedImage, signal: AbortSignal): Promise<void> {
    try {
      await linkTree(image.directory, this.#directory, signal);
    } catch (cause) {
      if (cause instanceof PlatformError) throw cause;
      const message = "a version's files could not be put into a sandbox";
      throw new PlatformError('unavailable', 'code_not_loaded', message, { cause });
    }
  }

  output(): AsyncIterable<OutputLine> {
    return this.#output;
  }

  usage(): Promise<ResourceUsage> {
    return Promise.resolve(this.#end.hasEnded ? emptyUsage : treeUsage(this.#child.pid));
  }

  pause(): Promise<void> {
    if (!this.#end.hasEnded) signalTree(this.#child.pid, 'SIGSTOP');
    return Promise.resolve();
  }

  resume(): Promise<void> {
    if (!this.#end.hasEnded) signalTree(this.#child.pid, 'SIGCONT');
    return Promise.resolve();
  }

  async destroy(reason: string): Promise<void> {
    await this.#end.destroy(reason);
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    if (!this.#end.hasEnded) signalTree(pid, 'SIGKILL');
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // The whole group is gone already.
    }
  }

  #holdings(): Holdings {
    const holdings = new Holdings();
    holdings.hold('directory', () => rm(this.#directory, { recursive: true, force: true }));
    // A copy of the channel in a process that left the group would keep it open.
    holdings.hold('channel', () => {
      if (!this.#channel.readableFlowing) this.#channel.destroy();
    });
    holdings.hold('output', () => {
      this.#child.stdout?.destroy();
      this.#child.stderr?.destroy();
    });
    return holdings;
  }

  async #report({ code, signal }: ProcessEnd): Promise<ExitReport> {
    await this.#output.finish();
    const { reason } = this.#end;
    return { code, signal, outOfMemory: this.#heapExhausted && endedForHeap({ code, signal }, reason), reason };
  }
}
