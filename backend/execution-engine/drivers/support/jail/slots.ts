import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../../../../../shared/errors.ts';
import type { PreparedImage } from '../../../../core/ports/isolation-driver.ts';
import { linkTree, linkTreeSync } from '../file-linking.ts';

/** Up to so many files are linked at once without leaving the event loop: faster than asking the thread pool, well under a millisecond. */
const maxBlockingFiles = 64;

/** A place for one sandbox: a number (and with it a user id), and the directory that it sees as its code. */
export class Slot {
  readonly number: number;
  readonly directory: string;
  readonly #release: () => void;

  constructor(number: number, directory: string, release: () => void) {
    this.number = number;
    this.directory = directory;
    this.#release = release;
  }

  /** Brings a version's files in. They appear inside at once, read-only. */
  async load(image: PreparedImage, signal: AbortSignal): Promise<void> {
    try {
      if (image.fileCount <= maxBlockingFiles) linkTreeSync(image.directory, this.directory);
      else await linkTree(image.directory, this.directory, signal);
    } catch (cause) {
      if (cause instanceof PlatformError) throw cause;
      if (signal.aborted) throw new PlatformError('unavailable', 'aborted', 'loading the code was aborted', { cause });
      throw new PlatformError('unavailable', 'code_not_loaded', "a version's files could not be put into a sandbox", {
        cause,
      });
    }
  }

  /** Deletes the directory, then the number can be used again. */
  async free(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
    this.#release();
  }
}

/** Hands out slots 1 … `count`, lowest free number first. */
export class SlotTable {
  readonly #directory: string;
  readonly #count: number;
  readonly #taken = new Set<number>();
  #next = 1;

  constructor(options: { readonly directory: string; readonly count: number }) {
    this.#directory = options.directory;
    this.#count = options.count;
  }

  get free(): number {
    return this.#count - this.#taken.size;
  }

  take(): Slot {
    for (let tried = 0; tried < this.#count; tried++) {
      const number = this.#next;
      // Round robin, so that a number, and the user id with it, rests as long as possible before it is used again.
      this.#next = (this.#next % this.#count) + 1;
      if (this.#taken.has(number)) continue;
      const directory = join(this.#directory, String(number));
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory, { mode: 0o755 });
      chmodSync(directory, 0o755);
      this.#taken.add(number);
      return new Slot(number, directory, () => this.#taken.delete(number));
    }
    throw new PlatformError('unavailable', 'no_slot', `${this.#count} sandboxes are running, which is the most`, {
      retryAfterSeconds: 1,
    });
  }
}
