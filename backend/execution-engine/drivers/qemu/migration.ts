import { once } from 'node:events';
import { chmodSync, closeSync, openSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { PlatformError } from '../../../../shared/errors.ts';
import { codeDirectory } from '../../../core/ports/isolation-driver.ts';
import { descriptors } from './qemu-arguments.ts';
import type { QmpClient } from './qmp-client.ts';

/** Devices without the guest's memory are about 150 KB; what a QEMU that was taken over sends beyond this is not read. */
const maxStateBytes = 16 * 1024 * 1024;
const pollMs = 2;
const patienceMs = 10_000;
const socketName = 'state';

/** Memory that another process may have mapped is in a file of its own already, and left out of the stream. */
const withoutMemory = { capabilities: [{ capability: 'x-ignore-shared', state: true }] };

/**
 * What QEMU has beside the guest's memory, as a migration stream (docs/devel/migration.rst). The guest must be stopped. `slotDirectory` is what the jail
 * sees as the code directory: QEMU calls the host there, since it has no other way to get a descriptor.
 */
export async function saveState(qmp: QmpClient, slotDirectory: string): Promise<Buffer> {
  const inbox = await Inbox.open(slotDirectory);
  try {
    await qmp.execute('migrate-set-capabilities', withoutMemory);
    await qmp.execute('migrate', { uri: `unix:${codeDirectory}/${socketName}` });
    await saved(qmp);
    return await inbox.whole();
  } finally {
    inbox.close();
  }
}

/**
 * Gives a QEMU that was started with `-incoming defer` its state; resolves when the guest runs, which QEMU sees to by itself where no state says that the guest was
 * stopped. All of it is on its way before QEMU has begun, or as soon as there is a `state`, so that nothing waits for the host in between. One that cannot load its state ends (`vmm_lost`).
 */
export async function loadState(qmp: QmpClient, channel: Writable, state: Promise<Buffer>): Promise<void> {
  await Promise.all([
    state.then((bytes) => channel.end(bytes)),
    qmp.open(),
    qmp.execute('migrate-set-capabilities', withoutMemory),
    qmp.execute('migrate-incoming', { uri: `fd:${descriptors.state}` }),
    qmp.event('RESUME'),
  ]);
}

async function saved(qmp: QmpClient): Promise<void> {
  const until = performance.now() + patienceMs;
  for (;;) {
    const answer = (await qmp.execute('query-migrate')) as { status?: unknown; 'error-desc'?: unknown } | null;
    if (answer?.status === 'completed') return;
    if (answer?.status === 'failed' || performance.now() > until) {
      const why = String(answer?.['error-desc'] ?? answer?.status).slice(0, 500);
      throw new PlatformError('unavailable', 'vmm_refused', `QEMU failed at saving a snapshot: ${why}`);
    }
    await delay(pollMs);
  }
}

/** A Unix socket in the slot that takes one stream. */
class Inbox {
  readonly #server: Server;
  readonly #path: string;
  readonly #state = Promise.withResolvers<Buffer>();

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
    this.#state.promise.catch(() => undefined);
  }

  static async open(slotDirectory: string): Promise<Inbox> {
    const directory = openSync(slotDirectory, 'r');
    try {
      const server = createServer();
      const inbox = new Inbox(server, join(slotDirectory, socketName));
      server.maxConnections = 1;
      server.on('connection', (socket) => inbox.#read(socket));
      // Paths of sockets have at most 107 bytes; this one is short wherever the slot is.
      server.listen(`/proc/self/fd/${directory}/${socketName}`);
      await once(server, 'listening');
      chmodSync(inbox.#path, 0o666);
      return inbox;
    } finally {
      closeSync(directory);
    }
  }

  async whole(): Promise<Buffer> {
    return await this.#state.promise;
  }

  close(): void {
    this.#server.close();
    this.#state.reject(new PlatformError('unavailable', 'vmm_refused', 'QEMU did not send its state'));
    rmSync(this.#path, { force: true });
  }

  #read(socket: NodeJS.ReadableStream & { destroy(): void }): void {
    const chunks: Buffer[] = [];
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxStateBytes) socket.destroy();
      else chunks.push(chunk);
    });
    socket.on('error', () => undefined);
    socket.on('end', () => this.#state.resolve(Buffer.concat(chunks)));
    socket.on('close', () => this.#state.reject(new PlatformError('unavailable', 'vmm_refused', 'too much state')));
  }
}
