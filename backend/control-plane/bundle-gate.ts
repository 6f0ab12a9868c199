import type { BundleDigest } from '../../shared/ids.ts';
import type { BundleStore } from '../core/ports/bundle-store.ts';
import type { Logger } from '../core/ports/logger.ts';

export interface BundleGateOptions {
  readonly bundles: Pick<BundleStore, 'prune'>;
  /** Digests that a stored version names. */
  readonly digests: () => Promise<ReadonlySet<BundleDigest>>;
  readonly logger: Logger;
}

/**
 * Keeps pruning away from deploys and backups: a bundle that was just built is named by no version until its deploy commits. Deploys run
 * side by side; a prune waits until none runs, and deploys that come meanwhile wait for it.
 */
export class BundleGate {
  readonly #options: BundleGateOptions;
  #holders = 0;
  #isPruneWanted = false;
  #pruning: Promise<void> | undefined;

  constructor(options: BundleGateOptions) {
    this.#options = options;
  }

  /** Runs a deploy during which nothing is pruned. */
  async deploy<T>(work: () => Promise<T>): Promise<T> {
    const release = await this.hold();
    try {
      return await work();
    } catch (error) {
      this.#isPruneWanted = true;
      throw error;
    } finally {
      release();
    }
  }

  /** Nothing is pruned until the function that this resolves with is called. */
  async hold(): Promise<() => void> {
    while (this.#pruning !== undefined) await this.#pruning;
    this.#holders++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holders--;
      this.#pruneWhenIdle();
    };
  }

  /** Asks for bundles that no version names to be deleted as soon as no deploy runs. Failures are logged. */
  requestPrune(): void {
    this.#isPruneWanted = true;
    this.#pruneWhenIdle();
  }

  /** Resolves when a prune that runs now is over. */
  async settled(): Promise<void> {
    while (this.#pruning !== undefined) await this.#pruning;
  }

  #pruneWhenIdle(): void {
    if (!this.#isPruneWanted || this.#holders > 0 || this.#pruning !== undefined) return;
    this.#isPruneWanted = false;
    this.#pruning = this.#prune().finally(() => {
      this.#pruning = undefined;
      this.#pruneWhenIdle();
    });
  }

  async #prune(): Promise<void> {
    const { bundles, digests, logger } = this.#options;
    try {
      const removed = await bundles.prune(await digests());
      if (removed > 0) logger.info({ removed }, 'pruned bundles that no version names');
    } catch (error) {
      logger.warn({ err: error }, 'could not prune bundles; trying again after the next change');
    }
  }
}
