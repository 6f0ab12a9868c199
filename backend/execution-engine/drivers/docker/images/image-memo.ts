import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** More sets of inputs than any host has at a time; the oldest are forgotten. */
const maxEntries = 32;

/**
 * Which image was made from which inputs, kept in a file through restarts, so that a start needs not read 130 MB to know the name of an image that
 * the daemon has. A cache: when the file cannot be read or written, the inputs are read again.
 */
export class ImageMemo {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  find(key: string): string | undefined {
    return this.#read().get(digestOf(key));
  }

  remember(key: string, reference: string): void {
    const entries = this.#read();
    entries.delete(digestOf(key));
    entries.set(digestOf(key), reference);
    this.#write([...entries].slice(-maxEntries));
  }

  forget(key: string): void {
    const entries = this.#read();
    if (entries.delete(digestOf(key))) this.#write([...entries]);
  }

  #read(): Map<string, string> {
    try {
      const value: unknown = JSON.parse(readFileSync(this.#path, 'utf8'));
      if (!Array.isArray(value)) return new Map();
      const isEntry = (one: unknown): one is [string, string] =>
        Array.isArray(one) && typeof one[0] === 'string' && typeof one[1] === 'string';
      return new Map(value.filter(isEntry));
    } catch {
      return new Map();
    }
  }

  #write(entries: readonly (readonly [string, string])[]): void {
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      // Renamed into place: two platforms never see half a file of each other.
      writeFileSync(`${this.#path}.${process.pid}`, JSON.stringify(entries), { mode: 0o600 });
      renameSync(`${this.#path}.${process.pid}`, this.#path);
    } catch {
      // Read again next time.
    }
  }
}

function digestOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
