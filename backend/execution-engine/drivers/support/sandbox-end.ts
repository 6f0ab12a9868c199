import type { ExitReport } from '../../../core/ports/sandbox.ts';
import { attempt, type Holdings } from './holdings.ts';

export interface EndSteps<How> {
  /** Resolves once the process that the sandbox stands and falls with has ended, with how. */
  readonly ended: Promise<How>;
  /** Has that process end soon. Called by every `destroy`, so also when it has ended. */
  readonly kill: () => unknown;
  /** Ends what is left of the sandbox's processes; left out where none outlives that one. Rejects when one does not end. */
  readonly reap?: () => unknown;
  /** Takes the last look at the sandbox, which still holds everything: what it wrote last, what it used, what is told of its end. */
  readonly report: (how: How) => Promise<ExitReport>;
  /** The sandbox's, given back after the report. */
  readonly holdings: Holdings;
  /** The owner, told once, when nothing is left that can be given back; with what could not be. Must not throw. */
  readonly onGone: (failures: readonly string[]) => void;
}

/**
 * The end of a sandbox, the same for every driver, whether somebody asks for it or its process ends by itself. In this order, each once: the process ends, the rest
 * of its processes is reaped, the report is made, what it held is given back, the owner is told, `exited` resolves. A step that fails is told to the owner and
 * keeps none of the next from being done. All who destroy the sandbox wait for this one end.
 */
export class SandboxEnd<How> {
  /** Never rejects. */
  readonly exited: Promise<ExitReport>;
  readonly #kill: () => unknown;
  #reason: string | undefined;
  #hasEnded = false;

  constructor(steps: EndSteps<How>) {
    this.#kill = steps.kill;
    this.exited = this.#go(steps);
  }

  /** Why it ends, as far as somebody has said so; the first who does is right. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Its process has ended. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** For a reason that was found, not given; the first one counts. */
  explain(reason: string): void {
    this.#reason ??= reason;
  }

  /** Resolves when the sandbox is gone. Of a process that has ended already the reason is not why it ended. */
  async destroy(reason: string): Promise<void> {
    if (!this.#hasEnded) this.explain(reason);
    await this.#kill();
    await this.exited;
  }

  async #go({ ended, reap, report, holdings, onGone }: EndSteps<How>): Promise<ExitReport> {
    const failures: string[] = [];
    let told: ExitReport | undefined;
    const isReaped = await attempt(failures, 'processes', async () => {
      await ended.finally(() => {
        this.#hasEnded = true;
      });
      await reap?.();
    });
    await attempt(failures, 'report', async () => {
      told = await report(await ended);
    });
    failures.push(...(await holdings.giveBack(isReaped)));
    onGone(failures);
    return told ?? { code: null, signal: null, outOfMemory: false, reason: this.#reason ?? failures.join('; ') };
  }
}
