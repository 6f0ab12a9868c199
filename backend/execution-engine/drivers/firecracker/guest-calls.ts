import { lchown } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { PlatformError } from '../../../../shared/errors.ts';
import { type GuestPortName, vsockPorts } from '../support/guest/guest-init.ts';

export type GuestStreams = Readonly<Record<GuestPortName, Socket>>;

/**
 * What a guest calls over vsock: Firecracker connects to `<socket>_<port>` on the host for it (docs/vsock.md of Firecracker). Each port takes one call, the bridge's,
 * which comes before the function's code runs or goes on, and is closed then: nothing else that runs in the guest reaches anybody.
 */
export class GuestCalls {
  readonly #servers: readonly Server[];
  readonly #streams = Promise.withResolvers<GuestStreams>();
  readonly #accepted = new Map<GuestPortName, Socket>();
  #isClosed = false;

  private constructor(servers: readonly Server[]) {
    this.#servers = servers;
    this.#streams.promise.catch(() => undefined);
  }

  /** Listens beside `socketPath`, for a Firecracker of this user. */
  static async listen(socketPath: string, uid: number): Promise<GuestCalls> {
    const names = Object.keys(vsockPorts) as GuestPortName[];
    const servers = names.map(() => createServer());
    const calls = new GuestCalls(servers);
    try {
      await Promise.all(
        names.map(async (name, index) => {
          const path = `${socketPath}_${vsockPorts[name]}`;
          const server = servers[index] ?? createServer();
          server.on('connection', (socket) => calls.#accept(name, server, socket));
          await new Promise<void>((resolve, reject) => {
            server.once('error', reject).listen(path, () => resolve());
          });
          // Once the microVM runs, its user may put a link in the socket's place.
          await lchown(path, uid, uid);
        }),
      );
      return calls;
    } catch (error) {
      calls.close();
      throw error;
    }
  }

  /** Resolves when the guest has called on every port; rejects when it is closed before. */
  get streams(): Promise<GuestStreams> {
    return this.#streams.promise;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Ends what was called, and waits for no more calls. Idempotent. */
  close(): void {
    this.#isClosed = true;
    for (const server of this.#servers) if (server.listening) server.close();
    for (const socket of this.#accepted.values()) socket.destroy();
    this.#streams.reject(new PlatformError('unavailable', 'guest_lost', 'the guest has ended'));
  }

  #accept(name: GuestPortName, server: Server, socket: Socket): void {
    if (this.#accepted.has(name) || this.#isClosed) {
      socket.destroy();
      return;
    }
    server.close();
    // Who reads says what an error means; until then it must not end the platform.
    socket.on('error', () => undefined);
    this.#accepted.set(name, socket);
    const { channel, stdout, stderr, control } = Object.fromEntries(this.#accepted) as Partial<GuestStreams>;
    if (channel === undefined || stdout === undefined || stderr === undefined || control === undefined) return;
    this.#streams.resolve({ channel, stdout, stderr, control });
  }
}
