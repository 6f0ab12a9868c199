import { createHash, type Hash, randomBytes } from 'node:crypto';
import { closeSync, existsSync, fchmodSync, ftruncateSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dayMs } from '../../../../../shared/durations.ts';
import { PlatformError } from '../../../../../shared/errors.ts';
import type { SnapshotName, SnapshotSubject } from '../../../../core/ports/snapshot-driver.ts';
import { copyMemory } from './copy-memory.ts';

/** `state.json`, written last. */
interface Manifest {
  readonly schema: 1;
  readonly loadedWith: string;
  readonly fit: string;
  readonly hasCode: boolean;
  readonly memoryBytes: number;
  readonly sha256: string;
}

/** What a snapshot is on disk, beside its memory. */
export interface SnapshotParts {
  /** What the VMM has beside the memory. */
  readonly state: Buffer;
  /** The version's code was on the code device when the guest booted. */
  readonly hasCode: boolean;
  /** Stands for everything that must be the same where it is restored. */
  readonly fit: string;
}

/** One that is on disk; the hash has read the state. */
export interface FoundSnapshot extends Omit<SnapshotParts, 'fit'> {
  readonly memoryPath: string;
  readonly memoryBytes: number;
  /** Of state and memory, as `hash` and then `copyMemory` make it. */
  readonly sha256: string;
  /** Waits for the memory. */
  readonly hash: Hash;
}

const keepUnusedMs = 14 * dayMs;

/** Snapshots on disk: a folder each, one per version, all of them in a directory that nobody but its owner may look into. */
export class SnapshotFolders {
  readonly #directory: string;
  readonly #memoryMode: number;

  /** `memoryMode`: of the files with memory; whoever has a link to one needs no way through the directory. */
  constructor(options: { readonly directory: string; readonly memoryMode: number }) {
    this.#directory = options.directory;
    this.#memoryMode = options.memoryMode;
  }

  has(name: SnapshotName): boolean {
    return existsSync(join(this.#path(name), 'state.json'));
  }

  /** Copies what is behind the descriptor, zeros left out; the folder appears whole, and replaces others of its version. Returns the bytes that are in it. */
  async keep(
    name: SnapshotName,
    parts: SnapshotParts,
    memory: { readonly descriptor: number; readonly sizeBytes: number },
  ): Promise<number> {
    const draft = join(this.#directory, `draft-${randomBytes(6).toString('hex')}`);
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await mkdir(draft, { mode: 0o700 });
    try {
      const hash = createHash('sha256').update(parts.state);
      const to = openSync(join(draft, 'memory'), 'wx', this.#memoryMode);
      let copied: number;
      try {
        // Whatever the umask of the platform is.
        fchmodSync(to, this.#memoryMode);
        ftruncateSync(to, memory.sizeBytes);
        copied = await copyMemory(memory, to, hash);
      } finally {
        closeSync(to);
      }
      await writeFile(join(draft, 'state'), parts.state, { mode: 0o600 });
      const manifest: Manifest = {
        schema: 1,
        loadedWith: name.loadedWith,
        fit: parts.fit,
        hasCode: parts.hasCode,
        memoryBytes: memory.sizeBytes,
        sha256: hash.digest('hex'),
      };
      await writeFile(join(draft, 'state.json'), JSON.stringify(manifest), { mode: 0o600 });
      await this.drop(name.versionId);
      await rename(draft, this.#path(name));
      return copied + parts.state.length;
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }

  /** Everything but the memory, which is still to be checked. Rejects when it is not there, or was taken where other things were true. */
  async find(name: SnapshotName, fit: string): Promise<FoundSnapshot> {
    const path = this.#path(name);
    const manifest = JSON.parse(await readFile(join(path, 'state.json'), 'utf8')) as Manifest;
    if (manifest.schema !== 1 || manifest.fit !== fit) throw otherMachine();
    const state = await readFile(join(path, 'state'));
    const { hasCode, memoryBytes, sha256 } = manifest;
    const hash = createHash('sha256').update(state);
    return { state, hasCode, memoryBytes, sha256, hash, memoryPath: this.memoryPath(name) };
  }

  memoryPath(name: SnapshotName): string {
    return join(this.#path(name), 'memory');
  }

  /** It was of use just now. */
  async touch(name: SnapshotName): Promise<void> {
    const now = new Date();
    await utimes(this.#path(name), now, now);
  }

  async drop(versionId: SnapshotSubject): Promise<void> {
    for (const folder of await this.#folders()) if (isOf(folder, versionId)) await this.#remove(folder);
  }

  /** Removes what is not whole, what was not used for two weeks, and the longest unused while there is too much. Returns the names. */
  async sweep(nowMs: number, maxBytes: number): Promise<readonly string[]> {
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
      if (bytes <= maxBytes) break;
      await this.#remove(each.folder);
      removed.push(each.folder);
      bytes -= each.bytes;
    }
    return removed;
  }

  async sizeBytes(): Promise<number> {
    const facts = await Promise.all((await this.#folders()).map((folder) => this.#facts(folder)));
    return facts.reduce((sum, each) => sum + (each?.bytes ?? 0), 0);
  }

  #path(name: SnapshotName): string {
    return join(this.#directory, folderOf(name));
  }

  async #folders(): Promise<readonly string[]> {
    return await readdir(this.#directory).catch(() => []);
  }

  async #facts(folder: string): Promise<{ readonly usedMs: number; readonly bytes: number } | undefined> {
    const path = join(this.#directory, folder);
    if (!existsSync(join(path, 'state.json'))) return undefined;
    const [place, memory] = await Promise.all([stat(path), stat(join(path, 'memory')).catch(() => undefined)]);
    return memory === undefined ? undefined : { usedMs: place.mtimeMs, bytes: memory.blocks * 512 };
  }

  async #remove(folder: string): Promise<void> {
    await rm(join(this.#directory, folder), { recursive: true, force: true });
  }
}

/** Names the folder of a snapshot: one per version and what it was loaded with. */
export function folderOf(name: SnapshotName): string {
  return `${name.versionId}.${createHash('sha256').update(name.loadedWith).digest('hex').slice(0, 32)}`;
}

export function isOf(folder: string, versionId: SnapshotSubject): boolean {
  return folder.startsWith(`${versionId}.`);
}

export function otherMachine(): Error {
  return new Error('it was taken on another machine');
}

export function damagedSnapshot(): PlatformError {
  return new PlatformError('unavailable', 'snapshot_unusable', 'it is damaged');
}

/** For whoever asked for one that cannot be restored. */
export function unusableSnapshot(cause: unknown): PlatformError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new PlatformError('unavailable', 'snapshot_unusable', `a snapshot cannot be restored: ${why}`, { cause });
}
