import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Store } from '../core/ports/store.ts';

/** `cli`: the command line was let in; `ci`: it deployed a version in CI. */
export type NotedUse = 'cli' | 'ci';

export interface FirstUsesOptions {
  readonly store: Pick<Store, 'documents'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** When clients were first used in a project: a document for each, written once. */
export class FirstUses {
  readonly #options: FirstUsesOptions;
  /** Documents that are there, or are being written. */
  readonly #noted = new Set<string>();
  readonly #writes = new Set<Promise<void>>();

  constructor(options: FirstUsesOptions) {
    this.#options = options;
  }

  /** Returns at once; the first time is written in the background, and tried again with the next use when that fails. */
  note(project: string, use: NotedUse): void {
    const name = documentName(project, use);
    if (this.#noted.has(name)) return;
    this.#noted.add(name);
    const write = this.#write(name)
      .catch((error: unknown) => {
        this.#noted.delete(name);
        this.#options.logger.warn({ err: error, document: name }, 'could not write that a client was used');
      })
      .finally(() => this.#writes.delete(write));
    this.#writes.add(write);
  }

  /** When a project was used so for the first time (Clock.now ms); undefined: never. */
  async firstAt(project: string, use: NotedUse): Promise<number | undefined> {
    const body = await this.#options.store.documents.get(documentName(project, use));
    return body === undefined ? undefined : Number(body);
  }

  /** Resolves when what was noted is on disk. */
  async settled(): Promise<void> {
    await Promise.all(this.#writes);
  }

  async #write(name: string): Promise<void> {
    const { store, clock } = this.#options;
    const now = clock.now();
    if ((await store.documents.get(name)) === undefined) await store.documents.put(name, String(now));
  }
}

/** Names of projects are never given again, so that what is left of one that was deleted is nobody else's. */
const documentName = (project: string, use: NotedUse) => `first-use/${use}/${project}`;
