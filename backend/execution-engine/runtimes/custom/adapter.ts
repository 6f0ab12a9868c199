import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { PreparedImage, SandboxLimits } from '../../../core/ports/isolation-driver.ts';
import type {
  BundleIssue,
  PlanMount,
  RuntimeAdapter,
  RuntimeHealth,
  RuntimePlan,
} from '../../../core/ports/runtime-adapter.ts';
import { threadOptions } from '../node-threads.ts';
import { findBootstrapIssue } from './bootstrap-file.ts';
import { systemPrograms } from './programs.ts';

/** Where things are inside a sandbox. The agent's interpreter is not on the PATH of functions. */
const guestNodePath = '/hearth/node';
const guestAgentPath = '/hearth/agent.cjs';
const probeTimeoutMs = 10_000;
/** The agent's share of the memory: most of it is for `bootstrap`. It holds one request and one response per call. */
const heapShare = 0.5;
const minHeapMb = 24;

export interface CustomAdapterOptions {
  /** The node binary of this host that runs the agent. */
  readonly nodePath: string;
  /** The built agent, dist/guest/custom/agent.cjs. */
  readonly agentPath: string;
}

/** Programs of any language: an executable `bootstrap` that speaks the AWS Lambda Runtime API. */
export class CustomAdapter implements RuntimeAdapter {
  readonly name = 'custom';
  readonly #options: CustomAdapterOptions;
  readonly #programs: readonly PlanMount[] = systemPrograms();

  constructor(options: CustomAdapterOptions) {
    this.#options = options;
  }

  async probe(): Promise<RuntimeHealth> {
    const { agentPath, nodePath } = this.#options;
    try {
      await access(agentPath, constants.R_OK);
    } catch {
      const reason = `the agent of custom runtimes is not built: ${agentPath} cannot be read`;
      return { status: 'missing', reason, fix: 'run `npm run build`' };
    }
    try {
      await promisify(execFile)(nodePath, ['--version'], { timeout: probeTimeoutMs, env: {} });
      return { status: 'available', version: 'Lambda Runtime API 2018-06-01' };
    } catch (error) {
      const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown';
      const fix = 'run `npm ci`, which installs the Node.js that runs the agent';
      return { status: 'missing', reason: `${nodePath} does not run: ${why}`, fix };
    }
  }

  /** The handler is `bootstrap`'s own matter: it finds it in `_HANDLER`. */
  async validate(bundle: PreparedImage, _handler: string): Promise<readonly BundleIssue[]> {
    const message = await findBootstrapIssue(bundle.directory, this.#programs);
    return message === undefined ? [] : [{ path: 'bootstrap', message }];
  }

  plan(limits: SandboxLimits): RuntimePlan {
    const heapMb = Math.floor(Math.max(minHeapMb, limits.memoryMb * heapShare));
    return {
      runtime: 'custom',
      argv: [
        guestNodePath,
        `--max-old-space-size=${heapMb}`,
        // The least that there is: the agent keeps nothing, and a small young generation keeps its memory small.
        '--max-semi-space-size=1',
        ...threadOptions(1),
        '--no-deprecation',
        guestAgentPath,
      ],
      env: { HOME: '/tmp', TMPDIR: '/tmp', LANG: 'C.UTF-8', PATH: '/usr/local/bin:/usr/bin:/bin' },
      agent: { hostPath: this.#options.agentPath, guestPath: guestAgentPath },
      toolchain: [{ hostPath: this.#options.nodePath, guestPath: guestNodePath }, ...this.#programs],
    };
  }
}
