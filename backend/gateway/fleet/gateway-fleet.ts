import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { PlatformError } from '../../../shared/errors.ts';
import { askForShortSlices } from '../../util/short-slices.ts';
import { GatewayServer, type GatewayServerOptions, gatewayTimeouts, listenError } from '../server.ts';
import type { GatewayLink } from './gateway-link.ts';

/** What a gateway process is told, as JSON in its only argument. */
export interface GatewayProcessSettings {
  readonly socketPath: string;
  readonly host: string;
  readonly port: number;
  readonly timeouts: typeof gatewayTimeouts;
  readonly stalledClientMs: number;
}

export interface GatewayFleetOptions extends Omit<GatewayServerOptions, 'usesNodeParserOnly' | 'onLink'> {
  /** 2 or more. */
  readonly processes: number;
  /** The file that runs in each, process.ts or what it was built to. */
  readonly program: string;
  /** For the socket between them; only this user may enter it. */
  readonly runDirectory: string;
}

interface Member {
  readonly child: ChildProcess;
  readonly startedMs: number;
  link: GatewayLink | undefined;
}

/** A process that lived for so long did not fail to start. */
const settledMs = 10_000;
const firstPauseMs = 100;
const maxPauseMs = 5000;
const startMs = 30_000;

/**
 * The gateway as several processes on one port. They read requests and write responses; all decisions, limits and calls are in this process, in the
 * same `GatewayServer` as without them, so there is one admission authority and one count of everything. A process that ends is
 * started again; its calls are cancelled, as those of clients that went away.
 */
export class GatewayFleet {
  readonly #options: GatewayFleetOptions;
  readonly #server: GatewayServer;
  readonly #socketPath: string;
  readonly #members = new Map<number, Member>();
  /** By process id, those that have not said hello yet. */
  readonly #starting = new Map<number, (port: number) => void>();
  #address = { host: '', port: 0 };
  #isClosing = false;

  constructor(options: GatewayFleetOptions) {
    this.#options = options;
    this.#socketPath = join(options.runDirectory, `gateway-${process.pid}.sock`);
    this.#server = new GatewayServer({
      ...options,
      onLink: (link, hello) => this.#joined(link, hello.pid, hello.port),
    });
  }

  /** The processes that run now. */
  get pids(): readonly number[] {
    return [...this.#members.values()].map((member) => member.child.pid ?? 0);
  }

  /** See `GatewayServer.listen`; resolves when every process listens. */
  async listen(host: string, port: number): Promise<number> {
    // Processes share a port with whoever shares it, a second platform of this user too: first somebody has to ask for it alone.
    await mustBeFree(host, port);
    await rm(this.#socketPath, { force: true });
    await this.#server.listenAt(this.#socketPath);
    await chmod(this.#socketPath, 0o600);
    this.#address = { host, port };
    try {
      this.#address = { host, port: await this.#start(0, 0) };
      const others = Array.from({ length: this.#options.processes - 1 }, (_, i) => this.#start(i + 1, 0));
      await Promise.all(others);
    } catch (error) {
      await this.close(0);
      throw error;
    }
    return this.#address.port;
  }

  /** See `GatewayServer.close`. The processes end with their last connection. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    for (const { link } of this.#members.values()) link?.close();
    await this.#server.close(graceMs);
    // Without its link a process ends by itself; one that hangs does not hold up the platform.
    for (const { child } of this.#members.values()) child.kill('SIGKILL');
    await rm(this.#socketPath, { force: true });
  }

  /** Resolves with the port when the process listens. Rejects when it ends before, or takes too long. */
  async #start(place: number, failures: number): Promise<number> {
    const { clock, timeouts, stalledClientMs = 60_000, program } = this.#options;
    const settings: GatewayProcessSettings = {
      ...this.#address,
      socketPath: this.#socketPath,
      timeouts: { ...gatewayTimeouts, ...timeouts },
      stalledClientMs,
    };
    // With what this process was started with, but for a debugger, which needs a port of its own.
    const options = process.execArgv.filter((option) => !option.startsWith('--inspect'));
    const child = spawn(process.execPath, [...options, program, JSON.stringify(settings)], {
      env: {},
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const member: Member = { child, startedMs: clock.monotonic(), link: undefined };
    this.#members.set(place, member);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const stopWaiting = clock.after(startMs, () => child.kill('SIGKILL'));
    if (child.pid !== undefined) this.#starting.set(child.pid, resolve);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      this.#starting.delete(child.pid ?? 0);
      reject(startError(code, signal));
      this.#ended(place, member, failures, signal ?? code);
    });
    return await promise.finally(stopWaiting);
  }

  #joined(link: GatewayLink, pid: number, port: number): void {
    for (const member of this.#members.values()) if (member.child.pid === pid) member.link = link;
    // Started again just before the end: it listens, and nobody has told it.
    if (this.#isClosing) link.close();
    void askForShortSlices(pid, this.#options.runDirectory);
    this.#starting.get(pid)?.(port);
    this.#starting.delete(pid);
  }

  #ended(place: number, member: Member, failures: number, how: string | number | null): void {
    // The first of a port of the system's choice: nothing listens yet, and `listen` rejects.
    if (this.#isClosing || this.#address.port === 0) return;
    const { clock, logger } = this.#options;
    const hasLived = clock.monotonic() - member.startedMs >= settledMs;
    const count = hasLived ? 0 : failures;
    logger.error(
      { pid: member.child.pid, how },
      'a gateway process ended and is started again; its calls were cancelled',
    );
    clock.after(Math.min(firstPauseMs * 2 ** count, maxPauseMs), () => {
      // Its end, if it comes, is noted by itself.
      if (!this.#isClosing) this.#start(place, count + 1).catch(() => undefined);
    });
  }
}

function startError(code: number | null, signal: string | null): PlatformError {
  const message = `a gateway process ended (${signal ?? `exit code ${code}`}) before it listened; the log says why`;
  return new PlatformError('unavailable', 'listen_failed', message);
}

async function mustBeFree(host: string, port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}
