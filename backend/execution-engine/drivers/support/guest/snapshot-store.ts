import { createHash, randomBytes } from 'node:crypto';
import { closeSync, existsSync, ftruncateSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../../../../../shared/errors.ts';
import type { VersionId } from '../../../../../shared/ids.ts';
import type { SnapshotName } from '../../../../core/ports/snapshot-driver.ts';
import { copyMemory } from './copy-memory.ts';
import { explainDiskFull } from './disk-full.ts';
import { GuestMemory } from './guest-memory.ts';

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

/** `state.json`, written last. */
interface Manifest {
  readonly schema: 1;
  readonly loadedWith: string;
  readonly fit: string;
  readonly hasCode: boolean;
  readonly memoryBytes: number;
  readonly sha256: string;
}

/** Loaded ones are in memory until others are wanted more. */
const maxLoaded = 8;
const keepUnusedMs = 14 * 24 * 3_600_000;

/**
 * Snapshots of guests on disk, and those in use in sealed memory, which is where every check of them happened: what guests map cannot be changed any more.
 * `fit` stands for everything that must be the same where a snapshot is restored.
 */
export class SnapshotStore {
  readonly #options: SnapshotStoreOptions;
  /** By folder name, the least recently used first. */
  readonly #loaded = new Map<string, { readonly fit: string; readonly snapshot: LoadedSnapshot }>();
  readonly #writing = new Set<Promise<void>>();

  constructor(options: SnapshotStoreOptions) {
    this.#options = options;
  }

  has(name: SnapshotName): boolean {
    const folder = folderOf(name);
    return this.#loaded.has(folder) || existsSync(join(this.#options.directory, folder, 'state.json'));
  }

  /** Copies the memory of a stopped guest; it is on disk some time later. Returns the bytes that are not zero. */
  async keep(
    name: SnapshotName,
    fit: string,
    guest: { readonly memory: GuestMemory; readonly state: Buffer; readonly hasCode: boolean },
  ): Promise<number> {
    const { programDirectory } = this.#options;
    const { sizeBytes } = guest.memory;
    let copied = 0;
    const memory = await GuestMemory.make(programDirectory, sizeBytes, async (descriptor) => {
      copied = await copyMemory(guest.memory.descriptor, descriptor, sizeBytes);
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
      if (known !== undefined && known.fit !== fit) throw new Error('it was taken on another machine');
      const snapshot = known?.snapshot ?? (await this.#read(folder, fit));
      this.#remember(folder, fit, snapshot);
      return snapshot;
    } catch (cause) {
      await this.drop(name.versionId);
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new PlatformError('unavailable', 'snapshot_unusable', `a snapshot cannot be restored: ${why}`, { cause });
    }
  }

  async drop(versionId: VersionId): Promise<void> {
    for (const folder of [...this.#loaded.keys()]) if (isOf(folder, versionId)) this.#forget(folder);
    await Promise.all(this.#writing);
    for (const folder of await this.#folders()) if (isOf(folder, versionId)) await this.#remove(folder);
  }

  /** Removes what is not whole, what was not used for two weeks, and the longest unused while there is too much. Returns the names. */
  async sweep(nowMs: number): Promise<readonly string[]> {
    await Promise.all(this.#writing);
    const removed: string[] = [];
    const found: { folder: string; usedMs: number; bytes: number }[] = [];
    for (const folder of await this.#folders()) {
      const facts = await this.#facts(folder);
      if (facts === undefined || nowMs - facts.usedMs > keepUnusedMs) {
        await this.#remove(folder);
        removed.push(folder);
      } else found.push({ folder, ...facts });
    }
    let bytes = found.reduce((sum, each) => sum + each.bytes, 0);
    for (const each of found.sort((a, b) => a.usedMs - b.usedMs)) {
      if (bytes <= this.#options.maxDiskBytes) break;
      await this.#remove(each.folder);
      removed.push(each.folder);
      bytes -= each.bytes;
    }
    return removed;
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
    const { directory, maxDiskBytes } = this.#options;
    const folder = folderOf(name);
    const draft = join(directory, `draft-${randomBytes(6).toString('hex')}`);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await mkdir(draft, { mode: 0o700 });
    try {
      const memoryBytes = snapshot.memory.sizeBytes;
      const hash = createHash('sha256').update(snapshot.state);
      const to = openSync(join(draft, 'memory'), 'wx', 0o600);
      try {
        ftruncateSync(to, memoryBytes);
        await copyMemory(snapshot.memory.descriptor, to, memoryBytes, hash);
      } finally {
        closeSync(to);
      }
      await writeFile(join(draft, 'state'), snapshot.state, { mode: 0o600 });
      const { hasCode } = snapshot;
      const manifest: Manifest = {
        schema: 1,
        loadedWith: name.loadedWith,
        fit,
        hasCode,
        memoryBytes,
        sha256: hash.digest('hex'),
      };
      await writeFile(join(draft, 'state.json'), JSON.stringify(manifest), { mode: 0o600 });
      for (const other of await this.#folders()) if (isOf(other, name.versionId)) await this.#remove(other);
      await rename(draft, join(directory, folder));
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    if ((await this.#diskBytes()) > maxDiskBytes)
      queueMicrotask(() => void this.sweep(Date.now()).catch(() => undefined));
  }

  async #read(folder: string, fit: string): Promise<LoadedSnapshot> {
    const path = join(this.#options.directory, folder);
    const manifest = JSON.parse(await readFile(join(path, 'state.json'), 'utf8')) as Manifest;
    if (manifest.schema !== 1 || manifest.fit !== fit) throw new Error('it was taken on another machine');
    const state = await readFile(join(path, 'state'));
    const hash = createHash('sha256').update(state);
    const from = openSync(join(path, 'memory'), 'r');
    try {
      const memory = await GuestMemory.make(
        this.#options.programDirectory,
        manifest.memoryBytes,
        async (descriptor) => {
          await copyMemory(from, descriptor, manifest.memoryBytes, hash);
          if (hash.digest('hex') !== manifest.sha256)
            throw new PlatformError('unavailable', 'snapshot_unusable', 'it is damaged');
        },
      );
      const now = new Date();
      await utimes(path, now, now);
      return { memory, state, hasCode: manifest.hasCode };
    } finally {
      closeSync(from);
    }
  }

  async #folders(): Promise<readonly string[]> {
    return await readdir(this.#options.directory).catch(() => []);
  }

  async #facts(folder: string): Promise<{ readonly usedMs: number; readonly bytes: number } | undefined> {
    const path = join(this.#options.directory, folder);
    if (!existsSync(join(path, 'state.json'))) return undefined;
    const [place, memory] = await Promise.all([stat(path), stat(join(path, 'memory')).catch(() => undefined)]);
    return memory === undefined ? undefined : { usedMs: place.mtimeMs, bytes: memory.blocks * 512 };
  }

  async #diskBytes(): Promise<number> {
    const facts = await Promise.all((await this.#folders()).map((folder) => this.#facts(folder)));
    return facts.reduce((sum, each) => sum + (each?.bytes ?? 0), 0);
  }

  async #remove(folder: string): Promise<void> {
    await rm(join(this.#options.directory, folder), { recursive: true, force: true });
  }
}

function folderOf(name: SnapshotName): string {
  return `${name.versionId}.${createHash('sha256').update(name.loadedWith).digest('hex').slice(0, 32)}`;
}

function isOf(folder: string, versionId: VersionId): boolean {
  return folder.startsWith(`${versionId}.`);
}
