import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { PlatformError } from '../../../../../shared/errors.ts';
import { keeperDescriptor, memoryProgram } from './memory-program.ts';
import { placeProgram } from './placed-program.ts';

const patienceMs = 5000;
const whatItIs = 'the program that makes memory for guests';

/**
 * Memory without a name (memfd_create(2)): guests have it as their RAM, and it is gone when nobody has it open. Sealed memory can still be mapped by
 * whoever has a descriptor, privately, but the kernel refuses every change, which file permissions cannot say: QEMU opens its RAM for writing in any case.
 */
export class GuestMemory {
  readonly sizeBytes: number;
  readonly #descriptor: number;
  #isClosed = false;

  private constructor(descriptor: number, sizeBytes: number) {
    this.#descriptor = descriptor;
    this.sizeBytes = sizeBytes;
  }

  /**
   * So many bytes of zeros, which use no memory until they are written. `fill` may write them; what it leaves is sealed when it resolves. `directory` is
   * where the program that makes it is put. Rejects with `unavailable` (`guest_memory`).
   */
  static async make(
    directory: string,
    sizeBytes: number,
    fill?: (descriptor: number) => Promise<void>,
  ): Promise<GuestMemory> {
    const keeper = new Keeper(
      spawn(await placeProgram(directory, 'memory', memoryProgram(), whatItIs), [], {
        stdio: ['pipe', 'pipe', 'ignore'],
        env: {},
        cwd: '/',
      }),
    );
    let descriptor: number | undefined;
    try {
      await keeper.said();
      descriptor = openSync(`/proc/${keeper.pid}/fd/${keeperDescriptor}`, 'r+');
      ftruncateSync(descriptor, sizeBytes);
      if (fill !== undefined) {
        await fill(descriptor);
        await keeper.seal();
      }
      return new GuestMemory(descriptor, sizeBytes);
    } catch (cause) {
      if (descriptor !== undefined) closeSync(descriptor);
      if (cause instanceof PlatformError) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `memory for a guest could not be made (${why}); use a run directory (HEARTH_RUN_DIR) from which programs may be started`;
      throw new PlatformError('unavailable', 'guest_memory', message, { cause });
    } finally {
      keeper.dismiss();
    }
  }

  /** Open for reading and writing, until `close`; throws then, for the number is soon another file's. */
  get descriptor(): number {
    if (this.#isClosed) throw new PlatformError('unavailable', 'guest_memory', 'the memory of a guest was given up');
    return this.#descriptor;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#descriptor);
  }
}

/** The process that makes the memory, and has it open until the platform has too. */
class Keeper {
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #output: Readable;
  #error: Error | undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdin === null || child.stdout === null) throw new Error('the pipes were asked for');
    this.#input = child.stdin.on('error', () => undefined);
    this.#output = child.stdout.on('error', () => undefined);
    child.on('error', (error) => {
      this.#error = error;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** It says one byte for each step that is done. */
  async said(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const failed = () => reject(this.#error ?? new Error('the program that makes memory ended early'));
    const timer = setTimeout(failed, patienceMs);
    this.#output.once('data', () => resolve()).once('close', failed);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#output.off('close', failed);
    }
  }

  async seal(): Promise<void> {
    this.#input.write('s');
    await this.said();
  }

  dismiss(): void {
    this.#input.destroy();
    this.#child.kill('SIGKILL');
  }
}
