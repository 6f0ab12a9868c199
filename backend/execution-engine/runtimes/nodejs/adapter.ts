import { execFile } from 'node:child_process';
import { access, constants, readdir } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { promisify } from 'node:util';
import type { PreparedImage, SandboxLimits } from '../../../core/ports/isolation-driver.ts';
import type { BundleIssue, RuntimeAdapter, RuntimeHealth, RuntimePlan } from '../../../core/ports/runtime-adapter.ts';
import { threadOptions } from '../node-threads.ts';

/** Where things are inside a sandbox. */
const guestNodePath = '/hearth/node';
const guestAgentPath = '/hearth/agent.cjs';

/** As guest/loader.ts tries them; a test compares. */
const extensions = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'] as const;
const oldestMajor = 22;
const probeTimeoutMs = 10_000;

/** What Node needs beside the JavaScript heap: code, stacks, buffers, the agent. At least this, and a quarter of larger limits. */
const besideHeapMb = 52;
const heapShare = 0.75;
const minHeapMb = 24;

export interface NodejsAdapterOptions {
  /** The node binary of this host that sandboxes get to see. */
  readonly nodePath: string;
  /** The built agent, dist/guest/nodejs/agent.cjs. */
  readonly agentPath: string;
}

/** JavaScript and TypeScript functions under Node.js. */
export class NodejsAdapter implements RuntimeAdapter {
  readonly name = 'nodejs';
  readonly #nodePath: string;
  readonly #agentPath: string;

  constructor(options: NodejsAdapterOptions) {
    this.#nodePath = options.nodePath;
    this.#agentPath = options.agentPath;
  }

  async probe(): Promise<RuntimeHealth> {
    const missing = (reason: string, fix: string) => ({ status: 'missing', reason, fix }) as const;
    try {
      await access(this.#agentPath, constants.R_OK);
    } catch {
      return missing(`the Node.js agent is not built: ${this.#agentPath} cannot be read`, 'run `npm run build`');
    }
    try {
      const options = { timeout: probeTimeoutMs, env: {} };
      const { stdout } = await promisify(execFile)(this.#nodePath, ['--version'], options);
      const version = stdout.trim().replace(/^v/, '');
      if (Number.parseInt(version, 10) >= oldestMajor) return { status: 'available', version };
      return missing(`Node.js ${version} is too old for functions`, `install Node.js ${oldestMajor} or newer`);
    } catch (error) {
      const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown';
      return missing(
        `${this.#nodePath} does not run: ${why}`,
        'run `npm ci`, which installs the Node.js that functions use',
      );
    }
  }

  async validate(bundle: PreparedImage, handler: string): Promise<readonly BundleIssue[]> {
    const slash = handler.lastIndexOf('/') + 1;
    const dot = handler.indexOf('.', slash);
    const issue = (message: string) => [{ path: 'handler', message }];
    if (dot <= slash || dot === handler.length - 1)
      return issue(`${handler} is not of the form file.export, for example index.handler`);
    const file = posix.normalize(handler.slice(0, dot));
    if (file.startsWith('/') || file === '..' || file.startsWith('../'))
      return issue(`${handler} points outside the bundle; the file's path is relative to the bundle`);
    const candidates = extensions.map((extension) => file + extension);
    const there = await namesIn(join(bundle.directory, posix.dirname(file)));
    if (candidates.some((candidate) => there.has(posix.basename(candidate)))) return [];
    const found = there.size === 0 ? 'nothing' : [...there].sort().slice(0, 20).join(', ');
    return issue(
      `the bundle has no file for the handler ${handler}: expected one of ${candidates.join(', ')}; there is ${found}`,
    );
  }

  plan(limits: SandboxLimits, isWaiting = false): RuntimePlan {
    const heapMb = Math.floor(
      Math.max(minHeapMb, Math.min(limits.memoryMb * heapShare, limits.memoryMb - besideHeapMb)),
    );
    // One whose version is known would only begin to rehearse where the host is too busy to load it at once.
    const waits = isWaiting ? { HEARTH_WAITS: '1' } : {};
    return {
      runtime: 'nodejs',
      argv: [
        guestNodePath,
        `--max-old-space-size=${heapMb}`,
        `--max-semi-space-size=${semiSpaceMb(limits.memoryMb)}`,
        ...threadOptions(limits.cpus),
        '--no-deprecation',
        guestAgentPath,
      ],
      env: {
        HOME: '/tmp',
        TMPDIR: '/tmp',
        NODE_ENV: 'production',
        LANG: 'C.UTF-8',
        PATH: '/hearth:/usr/bin:/bin',
        ...waits,
      },
      agent: { hostPath: this.#agentPath, guestPath: guestAgentPath },
      toolchain: [{ hostPath: this.#nodePath, guestPath: guestNodePath }],
    };
  }
}

/**
 * Half of the young generation. V8's default of 16 MB lets short-lived objects, and the buffers that hang on them, grow by 100 MB between two
 * collections: under load an echo was killed at 128 MB. With 2 MB it stays at 34 MB and is no slower.
 */
function semiSpaceMb(memoryMb: number): number {
  return Math.min(16, Math.max(1, Math.floor(memoryMb / 64)));
}

async function namesIn(directory: string): Promise<ReadonlySet<string>> {
  try {
    return new Set(await readdir(directory));
  } catch {
    return new Set();
  }
}
