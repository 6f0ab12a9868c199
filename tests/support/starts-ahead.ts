import type { Sandbox } from '../../backend/core/ports/sandbox.ts';
import type { SandboxId } from '../../shared/ids.ts';

interface Started {
  readonly sandbox: Sandbox;
}

/** Keeps one start under way while a test runs, for the next test: a start may take seconds of one processor, and machines have two. */
export class StartsAhead<T extends Started> {
  readonly #make: (keep: (sandbox: Sandbox) => void) => Promise<T>;
  #next: Promise<T> | undefined;

  /** `make` tells of the sandbox as soon as there is one, so that it does not outlive a start that fails. */
  constructor(make: (keep: (sandbox: Sandbox) => void) => Promise<T>) {
    this.#make = make;
  }

  /** How many sandboxes there may be that no test has. */
  get count(): number {
    return this.#next === undefined ? 0 : 1;
  }

  /** The one that was begun before, now the caller's; begins the next one. */
  async take(): Promise<T> {
    const taken = this.#next ?? this.#start();
    this.#next = this.#start();
    this.#next.catch(() => undefined);
    return await taken;
  }

  /** Of the sandbox that waits, when it has started. */
  async ids(): Promise<readonly SandboxId[]> {
    const sandbox = await this.#waiting();
    return sandbox === undefined ? [] : [sandbox.id];
  }

  /** Nothing is ahead any more. */
  async end(): Promise<void> {
    await (await this.#waiting())?.destroy('tests over');
    this.#next = undefined;
  }

  async #waiting(): Promise<Sandbox | undefined> {
    return (await this.#next?.catch(() => undefined))?.sandbox;
  }

  async #start(): Promise<T> {
    let made: Sandbox | undefined;
    try {
      return await this.#make((sandbox) => {
        made = sandbox;
      });
    } catch (error) {
      await made?.destroy('it did not start');
      throw error;
    }
  }
}
