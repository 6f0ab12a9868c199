import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';

/** Why system calls of another process cannot be made to fail here; undefined when they can. */
export function straceProblem(): string | undefined {
  if (process.getuid?.() !== 0) return 'making system calls of another process fail needs root';
  try {
    execFileSync('strace', ['-V'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'strace is not installed';
  }
}

/** System calls of the threads that a process has now, and which fail, or are slow, from now on; its children are as they were. */
export class FailingCalls {
  readonly #strace: ChildProcess;

  private constructor(strace: ChildProcess) {
    this.#strace = strace;
  }

  /** `calls` of all threads of the process fail with `error`, for example `fsync,fdatasync` with `EIO`. Resolves when it is so. */
  static async begin(pid: number, calls: string, error: string): Promise<FailingCalls> {
    return await FailingCalls.#inject(pid, calls, `error=${error}`);
  }

  /** `calls` of all threads of the process wait for so long before they are made. */
  static async slow(pid: number, calls: string, delayMs: number): Promise<FailingCalls> {
    return await FailingCalls.#inject(pid, calls, `delay_enter=${delayMs}ms`);
  }

  static async #inject(pid: number, calls: string, fault: string): Promise<FailingCalls> {
    // Each thread by its name, not `-f`: that follows into sandboxes, and strace cannot let go of the first process of a
    // namespace that ends (it waits for it to stop, and that one waits for its children, which strace has to reap).
    const threads = readdirSync(`/proc/${pid}/task`).flatMap((thread) => ['-p', thread]);
    const strace = spawn('strace', [...threads, '-e', `trace=${calls}`, '-e', `inject=${calls}:${fault}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const attached = threads.length / 2;
    let said = '';
    await new Promise<void>((resolve, reject) => {
      strace.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.split('attached').length > attached) resolve();
      });
      strace.once('exit', () => reject(new Error(`strace ended: ${said}`)));
    });
    return new FailingCalls(strace);
  }

  /** They are as they were. */
  async end(): Promise<void> {
    if (this.#strace.exitCode !== null || this.#strace.signalCode !== null) return;
    const ended = once(this.#strace, 'exit');
    this.#strace.kill('SIGINT');
    await ended;
  }
}
