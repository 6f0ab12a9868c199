import { access, constants } from 'node:fs/promises';
import type { BundleIssue, RuntimeAdapter, RuntimeHealth, RuntimePlan } from '../../../core/ports/runtime-adapter.ts';
import { threadOptions } from '../node-threads.ts';

const guestNodePath = '/hearth/node';
const guestAgentPath = '/hearth/agent.cjs';
/** The agent runs beside the image, in a container with a memory limit of its own (docs/drivers/docker.md). */
const heapMb = 64;

export interface ImageAdapterOptions {
  /** The node binary of this host that runs the agent. */
  readonly nodePath: string;
  /** The built agent, dist/guest/image/agent.cjs. */
  readonly agentPath: string;
}

/** Functions that are a container image of the user's: only the agent beside it is Hearth's. */
export class ImageAdapter implements RuntimeAdapter {
  readonly name = 'image';
  readonly #options: ImageAdapterOptions;

  constructor(options: ImageAdapterOptions) {
    this.#options = options;
  }

  async probe(): Promise<RuntimeHealth> {
    try {
      await access(this.#options.agentPath, constants.R_OK);
      return { status: 'available', version: 'HTTP, Lambda Runtime API 2018-06-01, agent protocol 1' };
    } catch {
      const reason = `the agent of container images is not built: ${this.#options.agentPath} cannot be read`;
      return { status: 'missing', reason, fix: 'run `npm run build`' };
    }
  }

  /** There is no bundle. */
  validate(): Promise<readonly BundleIssue[]> {
    return Promise.resolve([]);
  }

  plan(): RuntimePlan {
    return {
      runtime: 'image',
      argv: [
        guestNodePath,
        `--max-old-space-size=${heapMb}`,
        '--max-semi-space-size=2',
        ...threadOptions(1),
        '--no-deprecation',
        guestAgentPath,
      ],
      env: {},
      agent: { hostPath: this.#options.agentPath, guestPath: guestAgentPath },
      toolchain: [{ hostPath: this.#options.nodePath, guestPath: guestNodePath }],
    };
  }
}
