import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { toEngineEndpoint } from '../../backend/execution-engine/drivers/docker/engine/endpoint.ts';
import { EngineClient } from '../../backend/execution-engine/drivers/docker/engine/engine-client.ts';

const startTimeoutMs = 60_000;

/** Why no daemon can be started here, or undefined. */
export function whyNoDaemon(): string | undefined {
  if (process.getuid?.() !== 0) return 'starting a Docker daemon needs root';
  return spawnSync('dockerd', ['--version']).status === 0 ? undefined : 'dockerd is not installed';
}

/** A Docker daemon of the test's own, with its own data, that may be killed and started again. Touches no other daemon, bridge or firewall. */
export class OwnDaemon {
  readonly directory = mkdtempSync(join(tmpdir(), 'hearth-dockerd-'));
  readonly socketPath = join(this.directory, 'docker.sock');
  readonly #dataMib: number | undefined;
  #child: ChildProcess | undefined;

  /** `dataMib`: images and containers live in a file system of this size, in memory. */
  constructor(options: { readonly dataMib?: number } = {}) {
    this.#dataMib = options.dataMib;
  }

  get dataDirectory(): string {
    return join(this.directory, 'data');
  }

  get host(): string {
    return `unix://${this.socketPath}`;
  }

  async start(): Promise<void> {
    const place = (name: string) => join(this.directory, name);
    const log = openSync(place('log'), 'a');
    if (this.#dataMib !== undefined && !existsSync(this.dataDirectory)) {
      mkdirSync(this.dataDirectory);
      const { status } = spawnSync('mount', [
        '-t',
        'tmpfs',
        '-o',
        `size=${this.#dataMib}m`,
        'tmpfs',
        this.dataDirectory,
      ]);
      if (status !== 0) throw new Error('a small file system for the daemon could not be mounted');
    }
    const child = spawn(
      'dockerd',
      [
        ...['--data-root', place('data'), '--exec-root', place('exec'), '--pidfile', place('docker.pid')],
        ...['--host', this.host, '--bridge', 'none', '--iptables=false', '--ip6tables=false'],
      ],
      { stdio: ['ignore', log, log] },
    );
    this.#child = child;
    const deadline = Date.now() + startTimeoutMs;
    while (!(await answers(this.socketPath))) {
      if (child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`dockerd did not start: ${readFileSync(place('log'), 'utf8').slice(-2000)}`);
      }
      await delay(100);
    }
  }

  /** SIGKILL, as when a daemon crashes: containers live on. Its containerd dies with it and may stay a zombie, which its pid file would hide. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
    for (const name of ['docker.pid', 'exec/containerd/containerd.pid'])
      rmSync(join(this.directory, name), { force: true });
  }

  /** For a daemon that hangs: SIGSTOP, and SIGCONT. */
  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Ends everything that the daemon started, and deletes its data. */
  async remove(): Promise<void> {
    await this.stop();
    // containerd and the shims of containers name the directory, which is this test's alone, in their arguments.
    for (const pid of processesNaming(this.directory)) endQuietly(pid);
    for (let round = 0; round < 20; round++) {
      for (const mount of mountsBelow(this.directory)) spawnSync('umount', ['-l', mount]);
      try {
        rmSync(this.directory, { recursive: true, force: true });
        return;
      } catch {
        await delay(100);
      }
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }
}

function processesNaming(text: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        return /^\S*(containerd|containerd-shim\S*)\0/.test(read(name)) && read(name).includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}

function read(pid: string): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
}

function endQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone.
  }
}

function mountsBelow(directory: string): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${directory}/`))
    .reverse();
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: '/_ping', timeout: 1000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('error', () => resolve(false));
    asked.end();
  });
}

/** Why no Docker daemon can be used at this address (as DOCKER_HOST has it), or undefined. */
export async function whyNoEngine(host: string): Promise<string | undefined> {
  const engine = new EngineClient({ endpoint: toEngineEndpoint(host), timeoutMs: 5000 });
  try {
    await engine.ping();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    engine.close();
  }
}
