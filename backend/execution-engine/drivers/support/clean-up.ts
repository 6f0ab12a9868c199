/** Frees one thing after the other; what fails is noted and keeps nothing of the rest from being freed. */
export class CleanUp {
  /** What could not be freed, and why. */
  readonly failures: string[] = [];

  /** Resolves with whether it worked; never rejects. */
  async attempt(what: string, work: () => Promise<void> | void): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }
}
