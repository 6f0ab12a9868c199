import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import { systemSchema } from '../../shared/api/system.ts';

const root = join(import.meta.dirname, '../..');

/** A real platform in a process of its own, on free ports and a data folder of its own. */
export interface Platform {
  readonly url: string;
  readonly gatewayUrl: string;
  readonly token: string;
  readonly dataDirectory: string;
  readonly pid: number;
  /** What it has written to stdout and stderr so far. */
  output(): string;
  /** An API request with the admin token. */
  api(method: string, path: string, json?: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** SIGTERM, then waits; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, then waits until the process is gone. */
  kill(): Promise<void>;
  /** Stops it if it runs, and removes the data folder. */
  dispose(): Promise<void>;
}

export interface PlatformOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Continue on this folder instead of a new one. */
  readonly dataDirectory?: string;
}

/** What scripts/start.sh, the container image and the service start it with. */
export const startEnvironment = { MALLOC_ARENA_MAX: '2' } as const;
export const startFlags = [
  '--max-semi-space-size=8',
  '--no-parallel-scavenge',
  '--memory-reducer-gc-count=1',
  '--v8-pool-size=1',
] as const;

/** The environment of a platform in a test: nothing of the caller's settings, quiet, no examples, and no Docker, whose self-test takes a second. */
export function platformEnvironment(
  dataDirectory: string,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(HEARTH_|VITEST)/.test(name) && name !== 'NODE_OPTIONS' && name !== 'DOCKER_HOST',
  );
  return {
    ...(Object.fromEntries(inherited) as Record<string, string>),
    HEARTH_PORT: '0',
    HEARTH_GATEWAY_PORT: '0',
    HEARTH_DATA_DIR: dataDirectory,
    HEARTH_EXAMPLES: 'false',
    LOG_LEVEL: 'warn',
    ...startEnvironment,
    ...more,
  };
}

/** Starts the built platform (dist/server/main.mjs) and waits until it is ready. Rejects with its output when it ends before. */
export async function startPlatform(options: PlatformOptions = {}): Promise<Platform> {
  const dataDirectory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), 'hearth-data-'));
  const child = spawn(process.execPath, [...startFlags, join(root, 'dist/server/main.mjs')], {
    cwd: root,
    env: platformEnvironment(dataDirectory, options.environment),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const facts = await waitUntilReady(child, dataDirectory, () => output);
  // What it said before it was ready has been written, and may still lie in the pipe: the next turns of the event loop read it.
  for (let turn = 0; turn < 2; turn++) await immediate();
  const token = readFileSync(join(dataDirectory, 'admin-token'), 'utf8').trim();
  const ended = new Promise<number | null>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
    else child.once('exit', (code) => resolve(code));
  });
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    url: facts.controlUrl,
    gatewayUrl: facts.gatewayUrl,
    token,
    dataDirectory,
    pid: child.pid ?? 0,
    output: () => output,
    api: async (method, path, json, headers) =>
      await fetch(`${facts.controlUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      }),
    stop: async () => {
      if (isRunning()) child.kill('SIGTERM');
      return await ended;
    },
    kill: async () => {
      if (isRunning()) child.kill('SIGKILL');
      await ended;
    },
    dispose: async () => {
      if (isRunning()) child.kill('SIGTERM');
      await ended;
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
}

interface PlatformFacts {
  readonly pid: number;
  readonly controlUrl: string;
  readonly gatewayUrl: string;
}

async function waitUntilReady(
  child: ChildProcess,
  dataDirectory: string,
  output: () => string,
): Promise<PlatformFacts> {
  const path = join(dataDirectory, 'platform.json');
  for (let waited = 0; waited < 60_000; waited += 20) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the platform ended with ${child.exitCode ?? child.signalCode}:\n${output()}`);
    if (existsSync(path)) {
      try {
        const facts = JSON.parse(readFileSync(path, 'utf8')) as PlatformFacts;
        if (facts.pid === child.pid) return facts;
      } catch {
        // Half written; the next look finds it whole.
      }
    }
    await sleep(20);
  }
  child.kill('SIGKILL');
  throw new Error(`the platform was not ready within 60 s:\n${output()}`);
}

/** Tries until the check holds; fails with its last error. For states that another process reaches in its own time. */
export async function eventually<T>(check: () => Promise<T> | T, timeoutMs = 60_000): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > until) throw error;
      await sleep(25);
    }
  }
}

/**
 * Until a platform has found that this isolation level works here. On a busy host what it tries out at its start may take too long; it is tried again, and
 * what is deployed before that is refused.
 */
export async function untilHealthy(platform: Platform, level: string): Promise<void> {
  await eventually(async () => {
    const { drivers } = systemSchema.parse(await (await platform.api('GET', '/api/v1/system')).json());
    const driver = drivers.find(({ name }) => name === level);
    if (driver?.status !== 'healthy') throw new Error(`${level} is ${driver?.status}: ${driver?.reason}`);
  });
}
