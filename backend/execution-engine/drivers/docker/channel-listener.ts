import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { PlatformError } from '../../../../shared/errors.ts';

/** sun_path of unix(7) less the final NUL. */
const maxPathBytes = 107;

/**
 * The host's end of a control channel: a Unix socket that takes exactly one connection, the agent's, which connects before any code of
 * a function runs. After that nobody listens and the name is gone, so that code inside cannot pose as a second agent.
 */
export class ChannelListener {
  readonly #server: Server;
  readonly #path: string;
  readonly #connected = Promise.withResolvers<Socket>();
  #socket: Socket | undefined;
  #closed = false;
  #taken = false;

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
    this.#connected.promise.catch(() => undefined);
    server.on('connection', (socket) => this.#accept(socket));
    server.on('error', (error) => this.close(error.message));
  }

  static async open(path: string): Promise<ChannelListener> {
    if (Buffer.byteLength(path) > maxPathBytes) {
      const message = `${path} is too long for a Unix socket (at most ${maxPathBytes} bytes); set HEARTH_RUN_DIR to a shorter path`;
      throw new PlatformError('unavailable', 'run_directory_too_long', message);
    }
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    server.removeAllListeners('error');
    // Whoever can reach the directory may connect; on the host that is Hearth alone, inside it is the sandbox's user.
    chmodSync(path, 0o666);
    return new ChannelListener(server, path);
  }

  /** Resolves when the agent has connected; rejects when the listener closes first. */
  async connected(): Promise<void> {
    await this.#connected.promise;
  }

  /** The agent's connection; waits for it. Rejects when the signal fires or the listener closes first. */
  async connect(signal: AbortSignal): Promise<Duplex> {
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(new PlatformError('unavailable', 'aborted', 'connect was aborted'));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const socket = await Promise.race([aborted.promise, this.#connected.promise]);
      this.#taken = true;
      return socket;
    } finally {
      aborted.promise.catch(() => undefined);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Ends the listening, for a sandbox that is gone. A connection that somebody took is left to them: it has ended with its other side, and
   * what was written last is still to be read. Idempotent.
   */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopListening();
    this.#connected.reject(new PlatformError('unavailable', 'sandbox_gone', `the sandbox did not connect: ${reason}`));
    if (!this.#taken) this.#socket?.destroy();
  }

  /** Cuts the connection: agents end without it. */
  sever(): void {
    this.#socket?.destroy();
  }

  #accept(socket: Socket): void {
    if (this.#socket !== undefined || this.#closed) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    // Until somebody connects, a channel that breaks is nobody's business but ours.
    socket.on('error', ignore);
    this.#stopListening();
    this.#connected.resolve(socket);
  }

  #stopListening(): void {
    this.#server.close();
    rmSync(this.#path, { force: true });
  }
}

function ignore(): void {
  // The end of the sandbox is reported through `exited`.
}
