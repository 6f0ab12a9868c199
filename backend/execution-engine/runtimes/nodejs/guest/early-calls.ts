import { later } from './originals.ts';
import { frameTypes } from './wire.ts';

/** What the host sends of calls before the agent is ready for them. */
export class EarlyCalls {
  #isOpen = false;
  #kept: (() => void)[] = [];

  /** True: `receive` is called when calls may begin, and the frame is not to be looked at now. */
  keeps(type: number, receive: () => void): boolean {
    if (this.#isOpen) return false;
    // DRAIN lets what was sent before it be finished; when nothing was, it is for an agent that waits.
    if (!ofCalls.includes(type) && !(type === frameTypes.drain && this.#kept.length > 0)) return false;
    this.#kept[this.#kept.length] = receive;
    return true;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** READY has been sent. A call that is here already begins once all that the host sent meanwhile has been read: it may not want it any more. */
  open(): void {
    if (this.#kept.length === 0) this.#isOpen = true;
    // In the second turn, for between the two is read what is there.
    else later(() => later(() => this.#release()));
  }

  #release(): void {
    this.#isOpen = true;
    for (const receive of this.#kept) receive();
    this.#kept = [];
  }
}

const ofCalls: readonly number[] = [
  frameTypes.invoke,
  frameTypes.body,
  frameTypes.end,
  frameTypes.cancel,
  frameTypes.window,
];
