import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../../../../shared/errors.ts';
import type { PreparedImage } from '../../../core/ports/isolation-driver.ts';
import { linkTree, linkTreeSync } from '../support/file-linking.ts';
import { passwdFor } from '../support/runtime-files.ts';
import { channelSocketName, type SlotPaths } from './container-spec.ts';

/** Up to so many files are linked at once without leaving the event loop: well under a millisecond. */
const maxBlockingFiles = 64;

/** A place for one sandbox on the host: what is mounted into its container, and its user id. */
export class Slot {
  readonly number: number;
  readonly userId: number;
  readonly paths: SlotPaths;
  readonly socketPath: string;
  readonly #directory: string;
  readonly #release: () => void;

  constructor(options: {
    readonly number: number;
    readonly userId: number;
    readonly directory: string;
    readonly release: () => void;
  }) {
    const { directory } = options;
    this.number = options.number;
    this.userId = options.userId;
    this.#directory = directory;
    this.#release = options.release;
    this.paths = { code: join(directory, 'app'), channel: join(directory, 'ch'), passwd: join(directory, 'passwd') };
    this.socketPath = join(this.paths.channel, channelSocketName);
    rmSync(directory, { recursive: true, force: true });
    for (const path of [directory, this.paths.code, this.paths.channel]) {
      mkdirSync(path, { mode: 0o755 });
      // mkdir obeys the umask; the sandbox's user must pass nevertheless.
      chmodSync(path, 0o755);
    }
    writeFileSync(this.paths.passwd, passwdFor(options.userId));
    chmodSync(this.paths.passwd, 0o444);
  }

  /** Brings a version's files in. They appear inside at once, read-only. */
  async load(image: PreparedImage, signal: AbortSignal): Promise<void> {
    try {
      if (image.fileCount <= maxBlockingFiles) linkTreeSync(image.directory, this.paths.code);
      else await linkTree(image.directory, this.paths.code, signal);
    } catch (cause) {
      if (cause instanceof PlatformError) throw cause;
      if (signal.aborted) throw new PlatformError('unavailable', 'aborted', 'loading the code was aborted', { cause });
      const message = "a version's files could not be put into a sandbox";
      throw new PlatformError('unavailable', 'code_not_loaded', message, { cause });
    }
  }

  /** Deletes the directory, then the number can be used again. */
  async free(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
    this.#release();
  }
}

/** Hands out slots. Numbers go round, so that one, and the user id with it, rests as long as possible before it is used again. */
export class SlotTable {
  readonly #directory: string;
  readonly #count: number;
  readonly #userIdOf: (slot: number) => number;
  readonly #taken = new Set<number>();
  #next = 1;

  constructor(options: {
    readonly directory: string;
    readonly count: number;
    readonly userIdOf: (slot: number) => number;
  }) {
    this.#directory = options.directory;
    this.#count = options.count;
    this.#userIdOf = options.userIdOf;
  }

  take(): Slot {
    for (let tried = 0; tried < this.#count; tried++) {
      const number = this.#next;
      this.#next = (this.#next % this.#count) + 1;
      if (this.#taken.has(number)) continue;
      this.#taken.add(number);
      try {
        return new Slot({
          number,
          userId: this.#userIdOf(number),
          directory: join(this.#directory, String(number)),
          release: () => this.#taken.delete(number),
        });
      } catch (cause) {
        this.#taken.delete(number);
        const message = `a directory for a sandbox could not be made in ${this.#directory}; see whether the disk is full or read-only`;
        throw new PlatformError('unavailable', 'run_directory_unusable', message, { cause });
      }
    }
    throw new PlatformError('unavailable', 'no_slot', `${this.#count} sandboxes are running, which is the most`, {
      retryAfterSeconds: 1,
    });
  }
}
