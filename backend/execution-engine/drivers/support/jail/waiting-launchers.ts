import type { Launcher } from './launcher.ts';

export interface WaitingLaunchersOptions {
  /** How many wait at most; 0 for none. */
  readonly count: number;
  readonly begin: () => Launcher;
  /** False where the host has no room for one that only waits. */
  readonly hasRoom: () => boolean;
  /** What one that nobody took has left behind. */
  readonly onFailures: (failures: readonly string[]) => void;
}

/**
 * After the last start, so long nothing is begun: a runtime that starts needs the processor, and where another start follows at once its own launcher is as
 * quick.
 */
const settleMs = 100;

/**
 * Launchers that were begun ahead and are in their control groups, or on their way there: a start that finds one saves making a process and the kernel's
 * wait before it moves one. The first is begun after the first start, further ones when no start has been under way for a while.
 */
export class WaitingLaunchers {
  readonly #options: WaitingLaunchersOptions;
  readonly #waiting: Launcher[] = [];
  /** Launchers that end. */
  readonly #ends = new Set<Promise<void>>();
  #starts = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: WaitingLaunchersOptions) {
    this.#options = options;
  }

  /** Runs a start. `take` gives it a launcher that waits, if there is one that lives. */
  async during<T>(start: (take: () => Launcher | undefined) => Promise<T>): Promise<T> {
    this.#starts++;
    clearTimeout(this.#timer);
    try {
      return await start(() => this.#take());
    } finally {
      this.#starts--;
      this.#settle();
    }
  }

  /** Ends those that wait; from now on there are none. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const launcher of this.#waiting.splice(0)) this.#end(launcher);
    while (this.#ends.size > 0) await Promise.all(this.#ends);
  }

  #take(): Launcher | undefined {
    for (let launcher = this.#waiting.shift(); launcher !== undefined; launcher = this.#waiting.shift()) {
      if (launcher.isAlive) return launcher;
      this.#end(launcher);
    }
    return undefined;
  }

  #settle(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed || this.#starts > 0 || this.#waiting.length >= this.#options.count) return;
    this.#timer = setTimeout(() => this.#refill(), settleMs);
    this.#timer.unref();
  }

  #refill(): void {
    let launcher: Launcher;
    try {
      if (!this.#options.hasRoom()) return;
      launcher = this.#options.begin();
    } catch {
      // The next start meets the same and says so.
      return;
    }
    this.#waiting.push(launcher);
    this.#settle();
    // One that dies is not replaced before the next start, so what kills it cannot make the host begin them without end.
    const remove = (): void => {
      const at = this.#waiting.indexOf(launcher);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      this.#end(launcher);
    };
    void launcher.ended.then(remove);
    launcher.joined.catch(remove);
  }

  #end(launcher: Launcher): void {
    const report = (failures: readonly string[]): void => {
      if (failures.length > 0) this.#options.onFailures(failures);
    };
    const over = launcher
      .end()
      .then(report)
      .finally(() => this.#ends.delete(over));
    this.#ends.add(over);
  }
}
