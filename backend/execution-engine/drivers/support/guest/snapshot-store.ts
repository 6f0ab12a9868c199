import { closeSync, openSync } from 'node:fs';
import type { SnapshotName, SnapshotSubject } from '../../../../core/ports/snapshot-driver.ts';
import { copyMemory, type MemorySource } from './copy-memory.ts';
import { explainDiskFull } from './disk-full.ts';
import { GuestMemory } from './guest-memory.ts';
import {
  damagedSnapshot,
  folderOf,
  isOf,
  otherMachine,
  SnapshotFolders,
  unusableSnapshot,
} from './snapshot-folders.ts';

/** A snapshot that guests can be restored from. */
export interface LoadedSnapshot {
  /** Sealed. */
  readonly memory: GuestMemory;
  /** What the VMM has beside the memory. */
  readonly state: Buffer;
  /** The version's code was on the code device when the guest booted. */
  readonly hasCode: boolean;
}

export interface SnapshotStoreOptions {
  /** Only its owner may look into it: snapshots hold what functions have in memory, secrets included. */
  readonly directory: string;
  /** Where the program that makes memory is put. */
  readonly programDirectory: string;
  readonly maxDiskBytes: number;
  /** What could not be kept on disk. */
  readonly onLost: (error: unknown, name: SnapshotName) => void;
}

/** Loaded ones are in memory until others are wanted more. */
const maxLoaded = 8;

/**
 * Snapshots of guests on disk, and those in use in sealed memory, which is where every check of them happened: what guests map cannot be changed any more.
 * `fit` stands for everything that must be the same where a snapshot is restored.
 */
export class SnapshotStore {
  readonly #options: SnapshotStoreOptions;
  readonly #folders: SnapshotFolders;
  /** By folder name, the least recently used first. */
  readonly #loaded = new Map<string, { readonly fit: string; readonly snapshot: LoadedSnapshot }>();
  readonly #writing = new Set<Promise<void>>();

  constructor(options: SnapshotStoreOptions) {
    this.#options = options;
    this.#folders = new SnapshotFolders({ directory: options.directory, memoryMode: 0o600 });
  }

  has(name: SnapshotName): boolean {
    return this.#loaded.has(folderOf(name)) || this.#folders.has(name);
  }

  /** Copies the memory of a stopped guest; it is on disk some time later. Returns the bytes that are not zero. */
  async keep(
    name: SnapshotName,
    fit: string,
    guest: { readonly memory: MemorySource; readonly state: Buffer; readonly hasCode: boolean },
  ): Promise<number> {
    const { programDirectory } = this.#options;
    const { sizeBytes } = guest.memory;
    let copied = 0;
    const memory = await GuestMemory.make(programDirectory, sizeBytes, async (descriptor) => {
      copied = await copyMemory(guest.memory, descriptor);
    });
    const snapshot = { memory, state: guest.state, hasCode: guest.hasCode };
    this.#remember(folderOf(name), fit, snapshot);
    return copied + guest.state.length;
  }

  /** Writes a snapshot that was kept to disk, where the next start of the platform finds it; does not wait. */
  writeOut(name: SnapshotName): void {
    const entry = this.#loaded.get(folderOf(name));
    if (entry === undefined) return;
    const { directory, onLost } = this.#options;
    const writing = this.#write(name, entry.fit, entry.snapshot).catch((error: unknown) =>
      onLost(explainDiskFull(error, 'a snapshot', directory), name),
    );
    this.#writing.add(writing);
    void writing.then(() => this.#writing.delete(writing));
  }

  /** Rejects with `unavailable` (`snapshot_unusable`) and drops it when it is not whole or does not fit. */
  async load(name: SnapshotName, fit: string): Promise<LoadedSnapshot> {
    const folder = folderOf(name);
    try {
      const known = this.#loaded.get(folder);
      if (known !== undefined && known.fit !== fit) throw otherMachine();
      const snapshot = known?.snapshot ?? (await this.#read(name, fit));
      this.#remember(folder, fit, snapshot);
      return snapshot;
    } catch (cause) {
      await this.drop(name.versionId);
      throw unusableSnapshot(cause);
    }
  }

  async drop(versionId: SnapshotSubject): Promise<void> {
    for (const folder of [...this.#loaded.keys()]) if (isOf(folder, versionId)) this.#forget(folder);
    await Promise.all(this.#writing);
    await this.#folders.drop(versionId);
  }

  /** Removes what is not whole, what was not used for two weeks, and the longest unused while there is too much. Returns the names. */
  async sweep(nowMs: number): Promise<readonly string[]> {
    await Promise.all(this.#writing);
    return await this.#folders.sweep(nowMs, this.#options.maxDiskBytes);
  }

  async close(): Promise<void> {
    await Promise.all(this.#writing);
    for (const folder of [...this.#loaded.keys()]) this.#forget(folder);
  }

  #remember(folder: string, fit: string, snapshot: LoadedSnapshot): void {
    const known = this.#loaded.get(folder);
    if (known !== undefined && known.snapshot !== snapshot) this.#forget(folder);
    this.#loaded.delete(folder);
    this.#loaded.set(folder, { fit, snapshot });
    const [oldest] = this.#loaded.keys();
    if (this.#loaded.size > maxLoaded && oldest !== undefined) this.#forget(oldest);
  }

  /** Guests that have mapped it keep it. */
  #forget(folder: string): void {
    this.#loaded.get(folder)?.snapshot.memory.close();
    this.#loaded.delete(folder);
  }

  async #write(name: SnapshotName, fit: string, snapshot: LoadedSnapshot): Promise<void> {
    const { memory, state, hasCode } = snapshot;
    await this.#folders.keep(name, { state, hasCode, fit }, memory);
    if ((await this.#folders.sizeBytes()) > this.#options.maxDiskBytes)
      queueMicrotask(() => void this.sweep(Date.now()).catch(() => undefined));
  }

  async #read(name: SnapshotName, fit: string): Promise<LoadedSnapshot> {
    const { memoryPath, memoryBytes, state, hasCode, hash, sha256 } = await this.#folders.find(name, fit);
    const from = openSync(memoryPath, 'r');
    try {
      const memory = await GuestMemory.make(this.#options.programDirectory, memoryBytes, async (descriptor) => {
        await copyMemory({ descriptor: from, sizeBytes: memoryBytes }, descriptor, hash);
        if (hash.digest('hex') !== sha256) throw damagedSnapshot();
      });
      await this.#folders.touch(name);
      return { memory, state, hasCode };
    } finally {
      closeSync(from);
    }
  }
}
