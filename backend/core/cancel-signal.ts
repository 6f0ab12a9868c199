import { PlatformError } from '../../shared/errors.ts';

/** How to be told that a signal fired: a function, or an object that saves making one. */
export type CancelListener = (() => void) | { handleEvent(): void };

/**
 * What the warm path uses of an AbortSignal, which fits here. An AbortController costs more than everything else that the gateway
 * makes for a call, so it brings its own.
 */
export interface CancelSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: CancelListener, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: CancelListener): void;
}

/** Why nobody waits for a call any more, for its record and for who asks: what the signal was fired with, if that says something. */
export function cancelMessage({ reason }: CancelSignal): string {
  if (typeof reason === 'string') return reason;
  return reason instanceof PlatformError ? reason.message : 'the caller disconnected';
}

/** A CancelSignal with the means to fire it. Listeners are called once, in the order in which they came. */
export class Cancellation implements CancelSignal {
  #listeners: CancelListener | CancelListener[] | undefined;
  #isAborted = false;
  #reason: unknown;

  get aborted(): boolean {
    return this.#isAborted;
  }
  get reason(): unknown {
    return this.#reason;
  }

  /** Fires the signal; the second time nothing happens. */
  abort(reason?: unknown): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#reason = reason;
    const listeners = this.#listeners;
    this.#listeners = undefined;
    if (listeners === undefined) return;
    for (const listener of Array.isArray(listeners) ? listeners : [listeners]) {
      if (typeof listener === 'function') listener();
      else listener.handleEvent();
    }
  }

  addEventListener(_type: 'abort', listener: CancelListener): void {
    if (this.#isAborted) return;
    if (this.#listeners === undefined) this.#listeners = listener;
    else if (Array.isArray(this.#listeners)) this.#listeners.push(listener);
    else this.#listeners = [this.#listeners, listener];
  }

  removeEventListener(_type: 'abort', listener: CancelListener): void {
    if (this.#listeners === listener) this.#listeners = undefined;
    else if (Array.isArray(this.#listeners)) this.#listeners = this.#listeners.filter((other) => other !== listener);
  }
}
