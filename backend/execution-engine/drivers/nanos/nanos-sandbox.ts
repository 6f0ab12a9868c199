import type { ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { PlatformError } from '../../../../shared/errors.ts';
import type { SandboxId } from '../../../../shared/ids.ts';
import type { ExitReport, OutputLine, ResourceUsage, Sandbox, SandboxHandle } from '../../../core/ports/sandbox.ts';
import { pipeOf } from '../support/child-pipe.ts';
import { CleanUp } from '../support/clean-up.ts';
import { tellsHeapExhausted } from '../support/exit-status.ts';
import { authenticate } from '../support/guest/channel-key.ts';
import type { Cgroup } from '../support/jail/cgroup.ts';
import { emptyCgroup } from '../support/jail/empty-cgroup.ts';
import type { Slot } from '../support/jail/slots.ts';
import { type OutputLimits, OutputReader } from '../support/output-reader.ts';
import { TextTail } from '../support/text-tail.ts';
import { ConsoleFilter } from './console-filter.ts';
import { reportOfUnikernel } from './ending.ts';
import { descriptors } from './qemu-arguments.ts';

export interface NanosSandboxOptions {
  readonly id: SandboxId;
  readonly child: ChildProcess;
  readonly cgroup: Cgroup;
  readonly slot: Slot;
  /** What the agent must show first on its channel. */
  readonly key: string;
  readonly outputLimits: OutputLimits;
  /** Called once, when nothing is left; with the failures to free something, if there were. */
  readonly onGone: (failures: readonly string[]) => void;
}

const outputPatienceMs = 500;

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
  #reason: string | undefined;
  #heapExhausted = false;
  #isPaused = false;
  #finalUsage: ResourceUsage | undefined;

  constructor(options: NanosSandboxOptions) {
    const { child, slot } = options;
    this.#options = options;
    this.id = options.id;
    this.handle = { schema: 1, driver: 'nanos', id: options.id, data: { pid: child.pid ?? 0, slot: slot.number } };
    this.#output = new OutputReader(options.outputLimits, (line) => {
      if (tellsHeapExhausted(line.text)) this.#heapExhausted = true;
    });
    this.exited = new Promise((resolve) => {
      // Without a process there will be no exit event.
      child.once('error', (error) => {
        this.#complaints.push(error.message);
        if (child.pid === undefined) void this.#finish(null, null).then(resolve);
      });
      child.once('exit', (code, signal) => void this.#finish(code, signal).then(resolve));
    });
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
    const { child, cgroup, key } = this.#options;
    if (child.pid !== undefined) await cgroup.join(child.pid);
    pipeOf(child, descriptors.arguments).end(bwrapArguments);
    await authenticate(this.#channel, key);
  }

  /** The same, and resolves with how the program ended: for one that has no channel. */
  async run(bwrapArguments: Buffer): Promise<ExitReport> {
    const { child, cgroup } = this.#options;
    if (child.pid !== undefined) await cgroup.join(child.pid);
    pipeOf(child, descriptors.arguments).end(bwrapArguments);
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
    return Promise.resolve(this.#finalUsage ?? this.#options.cgroup.usage());
  }

  async pause(): Promise<void> {
    await this.#stop(true);
    this.#isPaused = true;
  }

  async resume(): Promise<void> {
    await this.#stop(false);
    this.#isPaused = false;
  }

  async destroy(reason: string): Promise<void> {
    this.#reason ??= reason;
    this.#kill();
    await this.exited;
  }

  get #channel(): Duplex {
    return pipeOf(this.#options.child, descriptors.channel);
  }

  async #stop(isStopped: boolean): Promise<void> {
    const { cgroup } = this.#options;
    if (cgroup.canFreeze) await cgroup.freeze(isStopped);
    else for (const pid of cgroup.processes()) process.kill(pid, isStopped ? 'SIGSTOP' : 'SIGCONT');
  }

  #kill(): void {
    const { child, cgroup } = this.#options;
    if (child.exitCode !== null || child.signalCode !== null) return;
    if (cgroup.kill()) return;
    // Killing bwrap kills process 1 of the namespace with it (die-with-parent), and that all others.
    child.kill('SIGKILL');
    if (this.#isPaused && !cgroup.canFreeze) for (const pid of cgroup.processes()) process.kill(pid, 'SIGKILL');
  }

  async #finish(code: number | null, signal: string | null): Promise<ExitReport> {
    const { cgroup, slot } = this.#options;
    const cleanUp = new CleanUp();
    const isEmpty = await cleanUp.attempt('processes', () => emptyCgroup(cgroup));
    this.#output.finish();
    await Promise.race([this.#output.over, delay(outputPatienceMs, undefined, { ref: false })]);
    const report = this.#describe(code, signal);
    this.#finalUsage = { ...cgroup.usage(), pids: 0, memoryBytes: 0 };
    await cleanUp.attempt('control group', () => cgroup.remove());
    // While a process lives, nobody else may get its user id; the next start sweeps.
    if (isEmpty) await cleanUp.attempt('slot directory', () => slot.free());
    this.#options.onGone(cleanUp.failures);
    return report;
  }

  #describe(code: number | null, signal: string | null): ExitReport {
    return reportOfUnikernel({
      code,
      signal,
      programSignal: this.#console.signal,
      ranOutOfMemory: this.#console.ranOutOfMemory,
      isShuttingDown: this.#console.isShuttingDown,
      heapExhausted: this.#heapExhausted,
      oomKills: this.#options.cgroup.oomKills(),
      reason: this.#reason,
      vmmComplained: this.#complaints.lastLine() !== '',
      lastWords: this.lastWords,
    });
  }
}
