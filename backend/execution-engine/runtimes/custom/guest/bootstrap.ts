import type { ChildProcess } from 'node:child_process';
import type { InitMessage } from '../../nodejs/guest/messages.ts';
import { LineReader } from './line-reader.ts';
import { type ProcessUsage, usageOf } from './process-usage.ts';

/** How `bootstrap` ended; exactly one of `code` and `signal` is set unless it could not be started. */
export interface BootstrapEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** There was nothing that could be started. */
  readonly isMissing: boolean;
  readonly message: string;
}

export interface BootstrapOptions {
  readonly init: InitMessage;
  /** Host and port of the Runtime API. */
  readonly address: string;
  readonly onLine: (stream: 'stdout' | 'stderr', text: string) => void;
  /** Once, after its last line. */
  readonly onEnd: (end: BootstrapEnd) => void;
}

/** From SIGTERM to SIGKILL when the instance drains. */
const graceMs = 300;
/** A program that left its output to a child of its own is over nevertheless. */
const outputPatienceMs = 200;

/** The user's program: started once with the variables that AWS Lambda sets, watched until it ends. */
export class Bootstrap {
  readonly #child: ChildProcess;
  readonly #options: BootstrapOptions;
  readonly #ended = Promise.withResolvers<void>();
  #lastError = '';
  #isOver = false;

  constructor(options: BootstrapOptions) {
    this.#options = options;
    const { init } = options;
    const { spawn } = process.getBuiltinModule('node:child_process');
    this.#child = spawn(`${init.codeDirectory}/bootstrap`, [], {
      cwd: init.codeDirectory,
      env: environment(init, options.address),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const name of ['stdout', 'stderr'] as const) {
      const lines = new LineReader(init.logLineBytes, (text) => {
        if (name === 'stderr') this.#lastError = text;
        options.onLine(name, text);
      });
      this.#child[name]?.on('data', (chunk: Buffer) => lines.push(chunk));
      this.#child[name]?.on('end', () => lines.end());
    }
    this.#child.once('error', (error) => this.#over(null, null, error));
    this.#child.once('exit', (code, signal) => {
      const timer = setTimeout(() => this.#over(code, signal, undefined), outputPatienceMs);
      this.#child.once('close', () => {
        clearTimeout(timer);
        this.#over(code, signal, undefined);
      });
    });
  }

  /** CPU time and the most memory that it and the children that it has waited for have used. */
  usage(): ProcessUsage {
    return usageOf(this.#child.pid);
  }

  /** SIGTERM, then SIGKILL. Resolves when it has ended. */
  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), graceMs);
    await this.#ended.promise;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #over(code: number | null, signal: NodeJS.Signals | null, failure: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ended.resolve();
    const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
    const words = this.#lastError === '' ? '' : `; its last words: ${this.#lastError}`;
    const message =
      failure === undefined ? `bootstrap ${how}${words}` : `bootstrap cannot be started: ${failure.message}`;
    this.#options.onEnd({ code, signal, isMissing: failure !== undefined, message });
  }
}

/** What AWS Lambda tells a custom runtime (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html), as far as there is an answer here. */
function environment(init: InitMessage, address: string): Record<string, string | undefined> {
  return {
    ...process.env,
    TZ: 'UTC',
    ...init.env,
    LD_LIBRARY_PATH: `${init.codeDirectory}:${init.codeDirectory}/lib`,
    AWS_LAMBDA_RUNTIME_API: address,
    AWS_LAMBDA_FUNCTION_NAME: init.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: String(init.functionVersion),
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(init.memoryLimitMb),
    AWS_LAMBDA_LOG_GROUP_NAME: `/hearth/${init.functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: String(init.functionVersion),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    LAMBDA_TASK_ROOT: init.codeDirectory,
    LAMBDA_RUNTIME_DIR: init.codeDirectory,
    _HANDLER: init.handler,
  };
}
