import type { Duplex } from 'node:stream';
import { PlatformError } from '../../../../shared/errors.ts';
import type { SandboxId } from '../../../../shared/ids.ts';
import type { ExitReport, OutputLine, ResourceUsage, Sandbox, SandboxHandle } from '../../../core/ports/sandbox.ts';
import { pipeOf } from '../support/child-pipe.ts';
import { tellsHeapExhausted } from '../support/exit-status.ts';
import { authenticate } from '../support/guest/channel-key.ts';
import type { Cgroup } from '../support/jail/cgroup.ts';
import { emptyCgroup } from '../support/jail/empty-cgroup.ts';
import { type JailedProcess, killJailed } from '../support/jail/jailed-process.ts';
import type { Slot } from '../support/jail/slots.ts';
import { type OutputLimits, OutputReader } from '../support/output-reader.ts';
import type { ProcessEnd } from '../support/process-end.ts';
import { SandboxEnd } from '../support/sandbox-end.ts';
import { TextTail } from '../support/text-tail.ts';
import { ConsoleFilter } from './console-filter.ts';
import { reportOfUnikernel } from './ending.ts';
import { descriptors } from './qemu-arguments.ts';

export interface NanosSandboxOptions {
  readonly id: SandboxId;
  /** The sandbox's from now on, with all it holds. */
  readonly qemu: JailedProcess & { readonly cgroup: Cgroup };
  readonly slot: Slot;
  /** What the agent must show first on its channel. */
  readonly key: string;
  readonly outputLimits: OutputLimits;
  /** Called once, when nothing is left; with the failures to free something, if there were. */
  readonly onGone: (failures: readonly string[]) => void;
}

/** One unikernel in one jailed QEMU. Made by `NanosDriver`, which joins the control group and hands over the arguments. */
export class NanosSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly handle: SandboxHandle;
  readonly exited: Promise<ExitReport>;
  readonly #options: NanosSandboxOptions;
  readonly #output: OutputReader;
  readonly #kernelTail = new TextTail();
  readonly #complaints = new TextTail();
  readonly #console = new ConsoleFilter((line) => this.#kernelTail.push(`${line}\n`));
  readonly #end: SandboxEnd<ProcessEnd>;
  #heapExhausted = false;
  #finalUsage: ResourceUsage | undefined;

  constructor(options: NanosSandboxOptions) {
    const { qemu, slot } = options;
    const { child } = qemu;
    this.#options = options;
    this.id = options.id;
    this.handle = { schema: 1, driver: 'nanos', id: options.id, data: { pid: child.pid ?? 0, slot: slot.number } };
    this.#output = new OutputReader(options.outputLimits, (line) => {
      if (tellsHeapExhausted(line.text)) this.#heapExhausted = true;
    });
    this.#end = new SandboxEnd({
      ended: qemu.ended,
      kill: () => killJailed(qemu),
      reap: () => emptyCgroup(qemu.cgroup),
      report: (end) => this.#report(end),
      holdings: qemu.holdings,
      onGone: options.onGone,
    });
    this.exited = this.#end.exited;
    const console = pipeOf(child, descriptors.console);
    console.once('error', () => this.#console.end());
    this.#output.attach('stdout', console.pipe(this.#console));
    child.stderr?.on('data', (chunk: Buffer) => this.#complaints.push(chunk.toString('utf8')));
    for (const name of ['unused', 'channel', 'status', 'arguments'] as const) {
      pipeOf(child, descriptors[name]).on('error', () => undefined);
    }
    pipeOf(child, descriptors.status).resume();
  }

  /** Joins the control group, lets bwrap begin, and resolves when the agent has shown its key. */
  async start(bwrapArguments: Buffer): Promise<void> {
    await this.#enterJail(bwrapArguments);
    await authenticate(this.#channel, this.#options.key);
  }

  /** The same, and resolves with how the program ended: for one that has no channel. */
  async run(bwrapArguments: Buffer): Promise<ExitReport> {
    await this.#enterJail(bwrapArguments);
    return await this.exited;
  }

  /** What QEMU or its jail complained about, or the kernel said last; for the error of a start that failed. */
  get lastWords(): string {
    return this.#complaints.lastLine() || this.#kernelTail.lastLine();
  }

  connect(signal: AbortSignal): Promise<Duplex> {
    if (signal.aborted) return Promise.reject(new PlatformError('unavailable', 'aborted', 'connect was aborted'));
    return Promise.resolve(this.#channel);
  }

  specialise(): Promise<void> {
    const message = 'a unikernel mounts its volumes when it boots; code cannot come later';
    return Promise.reject(new PlatformError('conflict', 'not_supported', message));
  }

  /** Both streams of the program: a unikernel has one console. */
  output(): AsyncIterable<OutputLine> {
    return this.#output;
  }

  /** Of QEMU with all that is in it: nothing inside tells more. */
  usage(): Promise<ResourceUsage> {
    return Promise.resolve(this.#finalUsage ?? this.#options.qemu.cgroup.usage());
  }

  async pause(): Promise<void> {
    await this.#stop(true);
  }

  async resume(): Promise<void> {
    await this.#stop(false);
  }

  async destroy(reason: string): Promise<void> {
    await this.#end.destroy(reason);
  }

  get #channel(): Duplex {
    return pipeOf(this.#options.qemu.child, descriptors.channel);
  }

  async #enterJail(bwrapArguments: Buffer): Promise<void> {
    const { child, cgroup } = this.#options.qemu;
    if (child.pid !== undefined) await cgroup.join(child.pid);
    pipeOf(child, descriptors.arguments).end(bwrapArguments);
  }

  async #stop(isStopped: boolean): Promise<void> {
    const { cgroup } = this.#options.qemu;
    if (cgroup.canFreeze) await cgroup.freeze(isStopped);
    else for (const pid of cgroup.processes()) process.kill(pid, isStopped ? 'SIGSTOP' : 'SIGCONT');
  }

  async #report({ code, signal, error }: ProcessEnd): Promise<ExitReport> {
    if (error !== undefined) this.#complaints.push(error.message);
    await this.#output.finish();
    const { cgroup } = this.#options.qemu;
    this.#finalUsage = { ...cgroup.usage(), pids: 0, memoryBytes: 0 };
    return reportOfUnikernel({
      code,
      signal,
      programSignal: this.#console.signal,
      ranOutOfMemory: this.#console.ranOutOfMemory,
      isShuttingDown: this.#console.isShuttingDown,
      heapExhausted: this.#heapExhausted,
      oomKills: cgroup.oomKills(),
      reason: this.#end.reason,
      vmmComplained: this.#complaints.lastLine() !== '',
      lastWords: this.lastWords,
    });
  }
}
