import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

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

/** System calls of a process that fail, or are slow, from now on. */
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
    const inject = `inject=${calls}:${fault}`;
    const strace = spawn('strace', ['-f', '-p', String(pid), '-e', `trace=${calls}`, '-e', inject], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    await new Promise<void>((resolve, reject) => {
      strace.stderr?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('attached')) resolve();
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
