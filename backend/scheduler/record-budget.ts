import type { FunctionId } from '../../shared/ids.ts';
import type { Invocation, InvocationReport } from '../core/invocation.ts';
import { TokenBuckets } from '../util/token-buckets.ts';

export interface RecordBudgetSettings {
  /** Of ordinary calls, so many are recorded in a second, all functions together. 0: every one. */
  readonly perSecond: number;
}

/** Beside a flood on another function, so many of each are recorded in a second whatever the budget says. */
const firstOfFunction = 10;
/** A call that took so long is no ordinary one. */
const slowMs = 1000;
/** Names that are remembered; beyond, the one whose flood began first is forgotten. */
const maxNames = 10_000;

/**
 * Which finished calls are recorded one by one. All are, up to so many a second; beyond that, ordinary calls (over HTTP, by an instance that was
 * there, with success, in less than a second) are recorded evenly, as many as the budget has, and the rest is only counted. A row for each of
 * tens of thousands of equal calls a second costs as much as running half of them, and nobody can read it. Calls of the API are looked for by their
 * callers, so each of them is recorded. Times are wall milliseconds.
 */
export class RecordBudget {
  readonly #perSecond: number;
  /** One, of all functions. A clock that was set back gives nothing, and one that was set forward at most a second's worth. */
  readonly #all = new TokenBuckets(1);
  #second = Number.NaN;
  #ofThisSecond = new Map<FunctionId, number>();
  readonly #leftOutAt = new Map<string, number>();
  #leftOut = 0;

  constructor({ perSecond }: RecordBudgetSettings) {
    this.#perSecond = perSecond;
  }

  /** Calls since the start that have no record. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** When a call of one of these functions was last left out; undefined when none was since the start. */
  leftOutAt(isAsked: (functionName: string) => boolean): number | undefined {
    let last: number | undefined;
    for (const [name, at] of this.#leftOutAt) if (at > (last ?? 0) && isAsked(name)) last = at;
    return last;
  }

  /** Whether this call, which is over, gets a record. */
  takes(invocation: Invocation, report: InvocationReport, at: number): boolean {
    if (this.#perSecond === 0 || !isOrdinary(invocation, report)) return true;
    if (this.#all.take('', this.#perSecond, 1000, at).isAllowed) return true;
    if (this.#isFirstOfFunction(invocation.version.functionId, at)) return true;
    this.#leftOut++;
    this.#remember(invocation.version.functionName, at);
    return false;
  }

  #isFirstOfFunction(id: FunctionId, at: number): boolean {
    const second = Math.floor(at / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#ofThisSecond.clear();
    }
    const count = this.#ofThisSecond.get(id) ?? 0;
    if (count >= firstOfFunction) return false;
    this.#ofThisSecond.set(id, count + 1);
    return true;
  }

  #remember(name: string, at: number): void {
    this.#leftOutAt.set(name, at);
    if (this.#leftOutAt.size <= maxNames) return;
    const [first] = this.#leftOutAt.keys();
    if (first !== undefined) this.#leftOutAt.delete(first);
  }
}

function isOrdinary({ trigger }: Invocation, { outcome, start, httpStatus = 200, timing }: InvocationReport): boolean {
  if (trigger !== 'http' || outcome.kind !== 'success' || start !== 'warm') return false;
  return httpStatus < 400 && timing.totalMs < slowMs;
}
