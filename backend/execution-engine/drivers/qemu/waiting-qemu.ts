import type { LoadedSnapshot } from '../support/guest/snapshot-store.ts';
import { endJailed } from '../support/jail/jailed-process.ts';
import { isRunning } from '../support/process-end.ts';
import type { QemuProcess } from './launch.ts';

/** What a QEMU waits for: only a guest of this snapshot, and of the same shape, can go on in it. */
export interface Awaited {
  readonly snapshot: LoadedSnapshot;
  readonly fit: string;
}

export interface WaitingQemuOptions {
  /** With the failures to free something. */
  readonly onLeft: (failures: readonly string[]) => void;
}

/** The start that comes first has the processors for itself. */
const pauseMs = 1000;
/** One that nobody took is given up, as the pool gives up shapes that nobody uses. */
const patienceMs = 600_000;

/**
 * Keeps one QEMU of the whole driver started ahead, in its jail and its control group: a copy of a snapshot that has gone through its start (`goThroughStart`), stopped
 * while the function's processes are frozen in it. The next copy of that snapshot begins there, and does without what a start of QEMU takes, and without what it has
 * translated. It holds nothing of any function, and is no sandbox before it is taken.
 */
export class WaitingQemu {
  readonly #options: WaitingQemuOptions;
  #waiting: (Awaited & { readonly qemu: QemuProcess }) | undefined;
  /** For the next one to be begun, or for the one that waits to be given up. */
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void> = Promise.resolve();
  readonly #closing = new AbortController();

  constructor(options: WaitingQemuOptions) {
    this.#options = options;
  }

  get isThere(): boolean {
    return this.#waiting !== undefined;
  }

  /** The caller's from now on; undefined when none waits for this. */
  take({ snapshot, fit }: Awaited): QemuProcess | undefined {
    const found = this.#waiting;
    if (found?.snapshot !== snapshot || found.fit !== fit) return undefined;
    // One that has just ended is cleared away by what listens for that.
    if (!isRunning(found.qemu.child)) return undefined;
    this.#forget();
    return found.qemu;
  }

  /**
   * Has one wait for this, in place of another, some time from now: `start` starts it, `getReady` is to come as far as can be waited at, and to be over soon when its
   * signal says that nothing waits any more. Both may fail: the next copy then starts its own.
   */
  keep(
    awaited: Awaited,
    start: () => Promise<QemuProcess>,
    getReady: (qemu: QemuProcess, closing: AbortSignal) => Promise<void>,
  ): void {
    const closing = this.#closing.signal;
    if (closing.aborted) return;
    const { snapshot, fit } = this.#waiting ?? {};
    if (snapshot === awaited.snapshot && fit === awaited.fit) return;
    this.#after(pauseMs, async () => {
      await this.#giveUp();
      const qemu = await start().catch(() => undefined);
      if (qemu === undefined) return;
      const isReady = await getReady(qemu, closing).then(
        () => true,
        () => false,
      );
      if (isReady && isRunning(qemu.child) && !closing.aborted) this.#hold(awaited, qemu);
      else await this.#end(qemu);
    });
  }

  /** Resolves when nothing is left. */
  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    await this.#work;
    await this.#giveUp();
  }

  #hold(awaited: Awaited, qemu: QemuProcess): void {
    this.#waiting = { ...awaited, qemu };
    void qemu.ended.then(() => {
      if (this.#waiting?.qemu === qemu) this.#work = this.#work.then(() => this.#giveUp());
    });
    this.#after(patienceMs, () => this.#giveUp());
  }

  /** One thing at a time, the one that was asked for last. */
  #after(ms: number, work: () => Promise<void>): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#work = this.#work.then(work);
    }, ms).unref();
  }

  async #giveUp(): Promise<void> {
    const found = this.#waiting;
    this.#forget();
    if (found !== undefined) await this.#end(found.qemu);
  }

  #forget(): void {
    if (this.#waiting === undefined) return;
    this.#waiting = undefined;
    clearTimeout(this.#timer);
  }

  async #end(qemu: QemuProcess): Promise<void> {
    this.#options.onLeft(await endJailed(qemu));
  }
}
