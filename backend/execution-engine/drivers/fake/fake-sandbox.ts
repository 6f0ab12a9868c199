import type { Duplex } from 'node:stream';
import { duplexPair } from 'node:stream';
import { PlatformError } from '../../../../shared/errors.ts';
import type { SandboxId } from '../../../../shared/ids.ts';
import type { PreparedImage, SandboxSpec } from '../../../core/ports/isolation-driver.ts';
import type { ExitReport, OutputLine, ResourceUsage, Sandbox, SandboxHandle } from '../../../core/ports/sandbox.ts';
import { OutputReader } from '../support/output-reader.ts';
import type { FakeBody, FakeScript } from './fake-script.ts';
import { runStep } from './fake-script.ts';

const idleUsage: ResourceUsage = { cpuMs: 0, memoryBytes: 0, peakMemoryBytes: 0, pids: 1 };

/** A sandbox in memory. The public fields are for assertions. */
export class FakeSandbox implements Sandbox {
  readonly id: SandboxId;
  readonly handle: SandboxHandle;
  readonly exited: Promise<ExitReport>;
  readonly spec: SandboxSpec;
  /** Calls in order, for example `['connect', 'pause', 'destroy']`. */
  readonly calls: string[] = [];
  readonly #script: FakeScript;
  readonly #output = new OutputReader();
  readonly #exit = Promise.withResolvers<ExitReport>();
  readonly #image = Promise.withResolvers<PreparedImage>();
  #currentImage: PreparedImage | undefined;
  #ends: readonly Duplex[] = [];
  #onRefused: ((target: string) => void) | undefined;
  #dead = false;

  constructor(spec: SandboxSpec, script: FakeScript) {
    this.id = spec.id;
    this.spec = spec;
    this.handle = { schema: 1, driver: 'fake', id: spec.id, data: {} };
    this.exited = this.#exit.promise;
    this.#script = script;
    if (spec.image !== undefined) this.#load(spec.image);
  }

  async connect(signal: AbortSignal): Promise<Duplex> {
    this.calls.push('connect');
    await runStep(this.#script, 'connect', signal);
    if (this.#dead) throw new PlatformError('unavailable', 'sandbox_gone', 'the sandbox is gone');
    const [host, guest] = duplexPair();
    this.#ends = [host, guest];
    // The agent side has no owner when the sandbox dies: its error means nothing.
    guest.on('error', () => undefined);
    this.#script.agent?.(guest, this.#body());
    return host;
  }

  async specialise(image: PreparedImage, signal: AbortSignal): Promise<void> {
    this.calls.push('specialise');
    await runStep(this.#script, 'specialise', signal);
    if (this.#currentImage !== undefined) {
      throw new PlatformError('conflict', 'already_specialised', 'the sandbox has an image already');
    }
    this.#load(image);
  }

  output(): AsyncIterable<OutputLine> {
    return this.#output;
  }

  async usage(): Promise<ResourceUsage> {
    this.calls.push('usage');
    await runStep(this.#script, 'usage');
    const { usage = idleUsage } = this.#script;
    return typeof usage === 'function' ? usage() : usage;
  }

  onRefused(listener: (target: string) => void): void {
    this.#onRefused = listener;
  }

  /** Packets to there were dropped. */
  refuse(target: string): void {
    this.#onRefused?.(target);
  }

  async pause(): Promise<void> {
    this.calls.push('pause');
    await runStep(this.#script, 'pause');
  }

  async resume(): Promise<void> {
    this.calls.push('resume');
    await runStep(this.#script, 'resume');
  }

  async destroy(reason: string): Promise<void> {
    this.calls.push('destroy');
    await runStep(this.#script, 'destroy');
    this.#end({ code: null, signal: 'SIGKILL', outOfMemory: false, reason });
  }

  /** Lets it die from outside, as when the kernel or an operator kills it. */
  die(report: Partial<ExitReport> = {}): void {
    this.#end({ code: null, signal: 'SIGKILL', outOfMemory: false, reason: undefined, ...report });
  }

  #body(): FakeBody {
    return {
      spec: this.spec,
      image: () => this.#currentImage,
      specialised: () => this.#image.promise,
      print: (stream, text) => {
        for (const line of text.split('\n')) this.#output.push(stream, line);
      },
      exit: (code) => this.#end({ code, signal: null, outOfMemory: false, reason: undefined }),
      kill: (signal) => this.#end({ code: null, signal, outOfMemory: false, reason: undefined }),
      outOfMemory: () => this.#end({ code: null, signal: 'SIGKILL', outOfMemory: true, reason: undefined }),
    };
  }

  #load(image: PreparedImage): void {
    this.#currentImage = image;
    this.#image.resolve(image);
  }

  #end(report: ExitReport): void {
    if (this.#dead) return;
    this.#dead = true;
    // As a socket pair does: what the agent wrote before its end still arrives, then the stream is over.
    const [host, guest] = this.#ends;
    host?.once('end', () => host.destroy());
    guest?.end();
    guest?.destroy();
    this.#output.end();
    this.#exit.resolve(report);
  }
}
