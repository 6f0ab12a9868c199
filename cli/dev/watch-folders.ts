import { watch } from 'node:fs';

/** An editor writes a file in several steps, and a checkout many files: what follows within this time is the same change. */
const settleMs = 30;

/** Calls back once for each burst of changes in these folders, not in those below them. A folder that is gone is left out. */
export class FolderWatch {
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, ReturnType<typeof watch>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** From now on these folders, and no others. */
  set(folders: ReadonlySet<string>): void {
    for (const folder of this.#watchers.keys()) if (!folders.has(folder)) this.#leave(folder);
    for (const folder of folders) if (!this.#watchers.has(folder)) this.#enter(folder);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.set(new Set());
  }

  #enter(folder: string): void {
    try {
      const watcher = watch(folder, () => this.#note());
      watcher.on('error', () => this.#leave(folder));
      this.#watchers.set(folder, watcher);
    } catch {
      // Gone since it was listed: its parent has changed, and is watched.
    }
  }

  #leave(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }

  #note(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#onChange(), settleMs);
  }
}
