import { mkdir, open, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseEntryPath } from './entry-path.ts';
import { bundleTooLarge, entryRefused } from './refusals.ts';
import type { UnpackLimits } from './unpack-limits.ts';

const MiB = 1024 * 1024;

export interface StagingTreeOptions {
  /** An empty directory that nobody else can write to. */
  readonly directory: string;
  readonly limits: UnpackLimits;
}

/**
 * Writes the entries of one upload into a directory and counts: every name is checked, no path is written twice, nothing
 * follows a link (there are none: only this class writes here), and the limits hold while bytes arrive, whatever an
 * archive's headers claim.
 */
export class StagingTree {
  readonly directory: string;
  readonly #limits: UnpackLimits;
  /** A Map, so that names such as `__proto__` are names. */
  readonly #kinds = new Map<string, 'file' | 'directory'>();
  #entryCount = 0;
  #sizeBytes = 0;

  constructor(options: StagingTreeOptions) {
    this.directory = options.directory;
    this.#limits = options.limits;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Paths of the files so far, in the order in which they came. */
  files(): readonly string[] {
    return [...this.#kinds].filter(([, kind]) => kind === 'file').map(([path]) => path);
  }

  async addDirectory(name: string): Promise<void> {
    this.#countEntry();
    const path = parseEntryPath(name, this.#limits);
    if (path !== '') await this.#makeDirectory(path, name);
  }

  /** Writes one file. `content` is consumed only as far as the limits allow. */
  async addFile(name: string, content: Buffer | AsyncIterable<Buffer>, executable = false): Promise<void> {
    this.#countEntry();
    if (name.endsWith('/')) throw entryRefused(name, 'ends with a slash; a file needs a name');
    const path = parseEntryPath(name, this.#limits);
    if (path === '') throw entryRefused(name, 'has no name; rename the file');
    const there = this.#kinds.get(path);
    if (there === 'file') throw entryRefused(name, 'is there twice; keep one of the two');
    if (there === 'directory') throw entryRefused(name, 'is both a file and a folder; rename one of the two');
    const parent = dirname(path);
    if (parent !== '.') await this.#makeDirectory(parent, name);
    this.#kinds.set(path, 'file');
    const target = join(this.directory, path);
    const mode = executable ? 0o755 : 0o644;
    if (Buffer.isBuffer(content)) {
      this.#countBytes(content.length);
      await writeFile(target, content, { flag: 'wx', mode });
      return;
    }
    const file = await open(target, 'wx', mode);
    try {
      for await (const chunk of content) {
        this.#countBytes(chunk.length);
        await file.writeFile(chunk);
      }
    } finally {
      await file.close();
    }
  }

  /** For an archive that is being read: refuses once it has grown out of proportion to what was uploaded. */
  checkRatio(packedBytes: number, unpackedBytes = this.#sizeBytes): void {
    if (unpackedBytes - MiB > packedBytes * this.#limits.maxRatio) {
      throw bundleTooLarge(
        `the archive unpacks to more than ${this.#limits.maxRatio} times its size, which looks like a decompression bomb; leave out the file that is mostly empty`,
      );
    }
  }

  #countEntry(): void {
    this.#entryCount++;
    if (this.#entryCount > this.#limits.maxFiles) {
      throw bundleTooLarge(
        `the bundle has more than ${this.#limits.maxFiles} files and folders; leave out what the function does not need`,
      );
    }
  }

  #countBytes(bytes: number): void {
    this.#sizeBytes += bytes;
    if (this.#sizeBytes > this.#limits.maxBytes) {
      throw bundleTooLarge(
        `the bundle unpacks to more than ${Math.floor(this.#limits.maxBytes / MiB)} MiB; leave out what the function does not need`,
      );
    }
  }

  async #makeDirectory(path: string, name: string): Promise<void> {
    if (this.#kinds.get(path) === 'directory') return;
    let prefix = '';
    for (const segment of path.split('/')) {
      prefix = prefix === '' ? segment : `${prefix}/${segment}`;
      const kind = this.#kinds.get(prefix);
      if (kind === 'file')
        throw entryRefused(name, `needs a folder ${prefix}, which is also a file; rename one of the two`);
      if (kind === 'directory') continue;
      this.#kinds.set(prefix, 'directory');
      await mkdir(join(this.directory, prefix), 0o755);
    }
  }
}
