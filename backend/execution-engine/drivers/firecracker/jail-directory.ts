import { execFile } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { chown, copyFile, link, mkdir, truncate, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import type { GuestBoot } from '../support/guest/guest-store.ts';
import type { Slot } from '../support/jail/slots.ts';
import { GuestCalls } from './guest-calls.ts';

/** Names inside the jail, which is the root directory of its Firecracker. */
export const jailed = {
  api: '/api.sock',
  vsock: '/v.sock',
  log: '/log',
  metrics: '/metrics',
  kernel: '/kernel',
  initrd: '/initrd',
  root: '/root',
  code: '/code',
  lateCode: '/late-code',
  state: '/state',
  memory: '/memory',
} as const;

/** A snapshot that a microVM is restored from in place of booting. */
interface RestoredFrom {
  /** The file, to be linked. */
  readonly memoryPath: string;
  readonly state: Buffer;
  /** The code device was filled when the guest booted; otherwise it got its code later, and looks for it there. */
  readonly hasCode: boolean;
}

/** One sector: the code device of a guest whose code comes later. */
const emptyDeviceBytes = 512;

/**
 * The directory that the jailer makes the root of one Firecracker: files of the guest as hard links that the microVM's user can read and not write, FIFOs, and
 * sockets for the guest's calls. After the start it belongs to that user, so nothing in it is followed or overwritten from then on.
 */
export class JailDirectory {
  /** For programs on the host; through a descriptor, since names of sockets may have 108 bytes at most. */
  readonly path: string;
  readonly #root: string;
  readonly #uid: number;
  readonly #descriptor: number;
  readonly #fifos: readonly Socket[];
  #calls: GuestCalls;
  #isClosed = false;

  private constructor(parts: JailParts) {
    this.#root = parts.root;
    this.#uid = parts.uid;
    this.#descriptor = parts.descriptor;
    this.path = pathOf(parts.descriptor);
    this.#calls = parts.calls;
    this.#fifos = parts.fifos;
  }

  /** Where the jailer will look: `<base>/<name of the program>/<id>/root`, of which the slot is the base and its number the id. */
  static async make(contents: JailContents): Promise<JailDirectory> {
    const { slot, uid } = contents;
    const place = join(slot.directory, basename(contents.firecracker), String(slot.number));
    const root = join(place, 'root');
    await mkdir(place, { recursive: true, mode: 0o755 });
    // The jailer gives it to the microVM's user, and nobody else may look in.
    await mkdir(root, { mode: 0o700 });
    await fill(root, contents);
    const descriptor = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
    const fifos: Socket[] = [];
    try {
      for (const name of [jailed.log, jailed.metrics]) {
        await chown(root + name, uid, uid);
        // For writing too: without a writer the end would be read before Firecracker has begun.
        const fd = openSync(root + name, constants.O_RDWR | constants.O_NONBLOCK);
        fifos.push(new Socket({ fd, readable: true, writable: false }));
      }
      const calls = await GuestCalls.listen(pathOf(descriptor) + jailed.vsock, uid);
      return new JailDirectory({ root, uid, descriptor, calls, fifos });
    } catch (error) {
      for (const fifo of fifos) fifo.destroy();
      closeSync(descriptor);
      throw error;
    }
  }

  /** What the guest calls, or has called. */
  get calls(): GuestCalls {
    return this.#calls;
  }

  /** Takes every call once more. The former ones stay until the function that is returned ends them. */
  async listenAgain(): Promise<() => void> {
    const former = this.#calls;
    const calls = await GuestCalls.listen(this.path + jailed.vsock, this.#uid);
    if (this.#isClosed) calls.close();
    this.#calls = calls;
    return () => former.close();
  }

  get log(): Readable {
    return this.#fifo(0);
  }

  get metrics(): Readable {
    return this.#fifo(1);
  }

  /** Puts a code image in while the microVM runs; under a name that is not taken, or it rejects. */
  async addCode(image: string): Promise<void> {
    await linkOrCopy(image, this.#root + jailed.lateCode);
  }

  /** Idempotent. The files go with the slot. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#calls.close();
    for (const fifo of this.#fifos) fifo.destroy();
    closeSync(this.#descriptor);
  }

  #fifo(index: number): Readable {
    const fifo = this.#fifos[index];
    if (fifo === undefined) throw new Error('a jail has two FIFOs');
    return fifo;
  }
}

interface JailParts {
  readonly root: string;
  readonly uid: number;
  readonly descriptor: number;
  readonly calls: GuestCalls;
  readonly fifos: readonly Socket[];
}

interface JailContents {
  readonly slot: Slot;
  readonly firecracker: string;
  readonly uid: number;
  readonly boot: GuestBoot;
  /** A version's code image, or undefined for a device that is filled later. */
  readonly code: string | undefined;
  /** Left out: the guest boots. */
  readonly restored?: RestoredFrom;
}

async function fill(root: string, { boot, code, restored }: JailContents): Promise<void> {
  const codeName = restored?.hasCode === false ? jailed.lateCode : jailed.code;
  await Promise.all([
    linkOrCopy(boot.root, root + jailed.root),
    code === undefined ? makeEmptyDevice(root + jailed.code) : linkOrCopy(code, root + codeName),
    promisify(execFile)('mkfifo', ['--mode=600', root + jailed.log, root + jailed.metrics]),
    ...(restored === undefined
      ? (['kernel', 'initrd'] as const).map((name) => linkOrCopy(boot[name], root + jailed[name]))
      : [
          linkOrCopy(restored.memoryPath, root + jailed.memory),
          writeFile(root + jailed.state, restored.state, { mode: 0o444, flag: 'wx' }),
        ]),
  ]);
}

function pathOf(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

/** Never onto something that is there, and never through a link that somebody has put there. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'EMLINK') throw error;
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  }
}

async function makeEmptyDevice(path: string): Promise<void> {
  await writeFile(path, '', { mode: 0o444, flag: 'wx' });
  await truncate(path, emptyDeviceBytes);
}
