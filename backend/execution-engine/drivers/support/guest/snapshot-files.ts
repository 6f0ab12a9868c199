import { closeSync, openSync } from 'node:fs';
import type { SnapshotName, SnapshotSubject } from '../../../../core/ports/snapshot-driver.ts';
import { copyMemory } from './copy-memory.ts';
import {
  damagedSnapshot,
  folderOf,
  isOf,
  otherMachine,
  SnapshotFolders,
  type SnapshotParts,
  unusableSnapshot,
} from './snapshot-folders.ts';

/** A snapshot whose files were found whole. */
export interface SnapshotFile {
  /** To be linked to where a VMM opens it for reading. */
  readonly memoryPath: string;
  readonly state: Buffer;
  readonly hasCode: boolean;
}

/**
 * Snapshots of guests for a VMM that opens its memory by name and for reading only, as another user than the platform's: files of the platform that others may read
 * and not write, in a directory into which nobody else can look. Links to them are handed out, and all guests of one share its pages in the host's cache.
 */
export class SnapshotFiles {
  readonly #folders: SnapshotFolders;
  readonly #maxDiskBytes: number;
  /** Those that this process has written or checked, by folder name. */
  readonly #checked = new Map<string, { readonly fit: string; readonly file: SnapshotFile }>();
  readonly #writing = new Set<Promise<number>>();

  constructor(options: { readonly directory: string; readonly maxDiskBytes: number }) {
    this.#folders = new SnapshotFolders({ directory: options.directory, memoryMode: 0o444 });
    this.#maxDiskBytes = options.maxDiskBytes;
  }

  has(name: SnapshotName): boolean {
    return this.#folders.has(name);
  }

  /** Copies what a VMM has written: it may still have its own file open. Returns the bytes on disk, zeros left out. */
  async keep(
    name: SnapshotName,
    parts: SnapshotParts,
    memory: { readonly descriptor: number; readonly sizeBytes: number },
  ): Promise<number> {
    const writing = this.#folders.keep(name, parts, memory);
    this.#writing.add(writing);
    try {
      const sizeBytes = await writing;
      this.#forget(name.versionId);
      const { fit, state, hasCode } = parts;
      this.#checked.set(folderOf(name), { fit, file: { memoryPath: this.#folders.memoryPath(name), state, hasCode } });
      return sizeBytes;
    } finally {
      this.#writing.delete(writing);
      if ((await this.#folders.sizeBytes()) > this.#maxDiskBytes) await this.sweep(Date.now());
    }
  }

  /** Rejects with `unavailable` (`snapshot_unusable`) and drops it when it is not whole or does not fit. Reads all of it once. */
  async load(name: SnapshotName, fit: string): Promise<SnapshotFile> {
    try {
      const known = this.#checked.get(folderOf(name));
      if (known !== undefined && known.fit !== fit) throw otherMachine();
      const file = known !== undefined && this.has(name) ? known.file : await this.#check(name, fit);
      await this.#folders.touch(name);
      this.#checked.set(folderOf(name), { fit, file });
      return file;
    } catch (cause) {
      await this.drop(name.versionId);
      throw unusableSnapshot(cause);
    }
  }

  async drop(versionId: SnapshotSubject): Promise<void> {
    this.#forget(versionId);
    await this.#written();
    await this.#folders.drop(versionId);
  }

  /** Removes what is not whole, what was not used for two weeks, and the longest unused while there is too much. Returns the names. */
  async sweep(nowMs: number): Promise<readonly string[]> {
    await this.#written();
    return await this.#folders.sweep(nowMs, this.#maxDiskBytes);
  }

  async close(): Promise<void> {
    await this.#written();
  }

  async #check(name: SnapshotName, fit: string): Promise<SnapshotFile> {
    const { memoryPath, memoryBytes, state, hasCode, hash, sha256 } = await this.#folders.find(name, fit);
    const descriptor = openSync(memoryPath, 'r');
    try {
      await copyMemory({ descriptor, sizeBytes: memoryBytes }, undefined, hash);
    } finally {
      closeSync(descriptor);
    }
    if (hash.digest('hex') !== sha256) throw damagedSnapshot();
    return { memoryPath, state, hasCode };
  }

  async #written(): Promise<void> {
    await Promise.allSettled(this.#writing);
  }

  #forget(versionId: SnapshotSubject): void {
    for (const folder of [...this.#checked.keys()]) if (isOf(folder, versionId)) this.#checked.delete(folder);
  }
}
