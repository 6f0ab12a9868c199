import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { PlatformError } from '../../../../shared/errors.ts';
import type { SandboxId } from '../../../../shared/ids.ts';
import type { PreparedImage } from '../../../core/ports/isolation-driver.ts';
import type { ExitReport, OutputLine, ResourceUsage, Sandbox, SandboxHandle } from '../../../core/ports/sandbox.ts';
import { decodeStatus, endedForHeap, tellsHeapExhausted } from '../support/exit-status.ts';
import { descriptors } from '../support/jail/bwrap-arguments.ts';
import type { Cgroup } from '../support/jail/cgroup.ts';
import { emptyCgroup } from '../support/jail/empty-cgroup.ts';
import { killJailed } from '../support/jail/jailed-process.ts';
import type { Launcher } from '../support/jail/launcher.ts';
import type { OutputLimits } from '../support/output-reader.ts';
import { OutputReader } from '../support/output-reader.ts';
import type { ProcessEnd } from '../support/process-end.ts';
import { signalTree, treeUsage } from '../support/process-tree.ts';
import { SandboxEnd } from '../support/sandbox-end.ts';

export interface ProcessSandboxOptions {
  readonly id: SandboxId;
  /** The sandbox's from now on, with all it holds; its control groups have their limits. */
  readonly launcher: Launcher;
  readonly outputLimits: OutputLimits;
  readonly hasImage: boolean;
  /** Called once, when nothing is left; with the failures to free something, if there were. */
  readonly onGone: (failures: readonly string[]) => void;
}

/** How long a killed process may take to leave before it is reported as left behind. */
const killPatienceMs = 2000;

/** One bubblewrap sandbox. Made by `ProcessDriver.create`, which hands over the arguments. */
export class ProcessSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly handle: SandboxHandle;
  readonly exited: Promise<ExitReport>;
  readonly cgroup: Cgroup | undefined;
  readonly #launcher: Launcher;
  readonly #output: OutputReader;
  readonly #end: SandboxEnd<ProcessEnd>;
  readonly #begun = Promise.withResolvers<void>();
  #status = '';
  #insidePid: number | undefined;
  #heapExhausted = false;
  #killedForMemory = false;
  #specialised: boolean;
  #finalUsage: ResourceUsage | undefined;
  #lastError = '';

  constructor(options: ProcessSandboxOptions) {
    const { launcher } = options;
    this.id = options.id;
    this.cgroup = launcher.cgroup;
    this.#launcher = launcher;
    this.#specialised = options.hasImage;
    const data = { pid: launcher.child.pid ?? 0, slot: launcher.slot.number };
    this.handle = { schema: 1, driver: 'process', id: options.id, data };
    this.#output = new OutputReader(options.outputLimits, (line) => this.#watchLine(line));
    this.#begun.promise.catch(() => undefined);
    void launcher.ended.then(({ code, signal, error }) =>
      this.#begun.reject(error ?? new Error(`ended at once, code ${code}, signal ${signal}`)),
    );
    this.#end = new SandboxEnd({
      ended: launcher.ended,
      kill: () => killJailed(launcher),
      reap: () => this.#reap(),
      report: (end) => this.#report(end),
      holdings: launcher.holdings,
      onGone: options.onGone,
    });
    this.exited = this.#end.exited;
    if (launcher.child.pid !== undefined) this.#attach();
  }

  /** Hands bwrap its arguments, once it is in its control groups, and resolves when process 1 is in its namespaces; rejects when it ended before. */
  async start(bwrapArguments: Buffer): Promise<void> {
    await this.#launcher.joined;
    this.#launcher.pipe(descriptors.arguments).end(bwrapArguments);
    await this.#begun.promise;
  }

  /** Somebody has asked for its end. */
  get isEnding(): boolean {
    return this.#end.reason !== undefined;
  }

  /** The last line on stderr; says what was wrong when bwrap could not begin. */
  get lastError(): string {
    return this.#lastError;
  }

  connect(signal: AbortSignal): Promise<Duplex> {
    if (signal.aborted) return Promise.reject(new PlatformError('unavailable', 'aborted', 'connect was aborted'));
    return Promise.resolve(this.#launcher.pipe(descriptors.channel));
  }

  async specialise(image: PreparedImage, signal: AbortSignal): Promise<void> {
    if (this.#specialised)
      throw new PlatformError('conflict', 'already_specialised', 'the sandbox has an image already');
    this.#specialised = true;
    await this.#launcher.slot.load(image, signal);
  }

  output(): AsyncIterable<OutputLine> {
    return this.#output;
  }

  usage(): Promise<ResourceUsage> {
    if (this.#finalUsage !== undefined) return Promise.resolve(this.#finalUsage);
    const usage = this.cgroup?.enforcesMemory ? this.cgroup.usage() : treeUsage(this.#launcher.child.pid);
    return Promise.resolve(usage);
  }

  async pause(): Promise<void> {
    if (this.cgroup?.canFreeze) await this.cgroup.freeze(true);
    else signalTree(this.#insidePid, 'SIGSTOP');
  }

  async resume(): Promise<void> {
    if (this.cgroup?.canFreeze) await this.cgroup.freeze(false);
    else signalTree(this.#insidePid, 'SIGCONT');
  }

  async destroy(reason: string): Promise<void> {
    await this.#end.destroy(reason);
  }

  /**
   * Ends the sandbox if the kernel has killed one of its processes for lack of memory: version 1 control groups kill one
   * process after the other, and a bomb that forks would go on for ever.
   */
  endIfStarved(): void {
    if (this.#killedForMemory || (this.cgroup?.oomKills() ?? 0) === 0) return;
    this.#killedForMemory = true;
    killJailed(this.#launcher);
  }

  #attach(): void {
    const { stdout, stderr } = this.#launcher.child;
    if (stdout !== null) this.#output.attach('stdout', stdout);
    if (stderr !== null) this.#output.attach('stderr', stderr);
    this.#launcher.pipe(descriptors.status).on('data', (chunk: Buffer) => this.#readStatus(chunk));
  }

  /** `--json-status-fd`: one document with `child-pid` at the start, one with `exit-code` if the command ran. bwrap writes it, not the code inside. */
  #readStatus(chunk: Buffer): void {
    this.#status += chunk.toString('latin1');
    if (this.#insidePid !== undefined) return;
    const pid = /"child-pid": (\d+)[\s,}]/.exec(this.#status)?.[1];
    if (pid === undefined) return;
    this.#insidePid = Number(pid);
    this.#begun.resolve();
  }

  #watchLine(line: OutputLine): void {
    if (line.stream !== 'stderr') return;
    this.#lastError = line.text;
    if (tellsHeapExhausted(line.text)) this.#heapExhausted = true;
  }

  async #reap(): Promise<void> {
    if (this.cgroup !== undefined) await emptyCgroup(this.cgroup);
    else await this.#awaitInsideGone();
  }

  /** Without control groups: process 1 of the namespace dies with bwrap, and all others with it. */
  async #awaitInsideGone(): Promise<void> {
    const deadline = performance.now() + killPatienceMs;
    while (isThere(this.#insidePid)) {
      if (performance.now() > deadline) throw new Error('a process did not end');
      await delay(2);
    }
  }

  async #report(end: ProcessEnd): Promise<ExitReport> {
    // What it said last explains its end.
    await this.#output.finish();
    const ending = this.#describe(end);
    const { reason } = this.#end;
    const gaveUp = this.#heapExhausted && endedForHeap(ending, reason);
    const outOfMemory = this.#killedForMemory || (this.cgroup?.oomKills() ?? 0) > 0 || gaveUp;
    this.#finalUsage = { ...(this.cgroup?.usage() ?? emptyUsage), pids: 0, memoryBytes: 0 };
    return { ...ending, outOfMemory, reason };
  }

  /** The command's own end where bwrap tells it; otherwise bwrap's, which may not have come that far. */
  #describe({ code, signal }: ProcessEnd): Pick<ExitReport, 'code' | 'signal'> {
    const inner = /"exit-code": (\d+)/.exec(this.#status)?.[1];
    if (inner !== undefined) return decodeStatus(Number(inner));
    if (code !== null) this.#end.explain(`the sandbox could not be set up: ${this.#lastError}`);
    return { code, signal };
  }
}

function isThere(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const emptyUsage: ResourceUsage = { cpuMs: 0, memoryBytes: 0, peakMemoryBytes: 0, pids: 0 };
