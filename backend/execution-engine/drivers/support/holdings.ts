/** When something may be given back: whatever happens, or only once no process of the sandbox lives that still uses it. */
type GiveBackWhen = 'always' | 'nothing runs';

interface Holding {
  readonly what: string;
  readonly giveBack: () => unknown;
  readonly when: GiveBackWhen;
}

/** What a sandbox, or one that is to become a sandbox, holds of the host's: control groups, slots, descriptors, networks. */
export class Holdings {
  readonly #held: Holding[] = [];

  /**
   * To be called as soon as it is held. `what` names it in the message when it cannot be given back. With `nothing runs` it stays held while a process lives, so
   * that nobody else gets the same user id or address; the next start of the platform sweeps it.
   */
  hold(what: string, giveBack: () => unknown, when: GiveBackWhen = 'always'): void {
    this.#held.push({ what, giveBack, when });
  }

  /**
   * Gives everything back, once and what came last first; what fails keeps nothing of the rest from being given back. Resolves with what could not be, and
   * why; never rejects.
   */
  async giveBack(nothingRuns = true): Promise<readonly string[]> {
    const failures: string[] = [];
    for (let held = this.#held.pop(); held !== undefined; held = this.#held.pop()) {
      if (held.when === 'nothing runs' && !nothingRuns) continue;
      await attempt(failures, held.what, held.giveBack);
    }
    return failures;
  }
}

/** Resolves with whether `work` was done; notes in `failures` what it was and why it failed. Never rejects. */
export async function attempt(failures: string[], what: string, work: () => unknown): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}
