import type { SlotTable } from '../../util/slot-table.ts';
import type { Call } from './call.ts';
import { frameTypes, initialCreditBytes, Violation } from './frames.ts';

/** Frames that lead nowhere: some come from races, a flood of them is an attack on the host's CPU. */
const idleFrames = { free: 10_000, perCall: 64 } as const;

export interface CallReceiverOptions {
  /** Calls that the agent has not ended, by id. */
  readonly calls: SlotTable<Call>;
  /** The highest id that was given out. */
  readonly lastId: () => number;
  readonly log: (call: Call, payload: Buffer) => void;
}

/** Takes the frames of calls to their calls, and bounds what an agent sends to no purpose. */
export class CallReceiver {
  readonly #options: CallReceiverOptions;
  #idleFrames = 0;
  #strayBodyBytes = 0;

  constructor(options: CallReceiverOptions) {
    this.#options = options;
  }

  /** Throws `Violation` for a frame that no honest agent sends. `id` is not 0. */
  receive(type: number, flags: number, id: number, payload: Buffer): void {
    if (id > this.#options.lastId()) throw new Violation(`call ${id} was never given out`);
    const call = this.#options.calls.get(id);
    if (call === undefined) {
      this.#stray(type, payload);
      return;
    }
    if (type === frameTypes.response) call.onResponse(flags, payload);
    else if (type === frameTypes.body) {
      if (payload.length === 0) this.#idle();
      call.onBody(payload);
    } else if (type === frameTypes.end) call.onEnd(payload);
    else if (type === frameTypes.error) call.onError(payload);
    else if (type === frameTypes.log) this.#options.log(call, payload);
    else if (type === frameTypes.window) {
      if (payload.length !== 4) throw new Violation('WINDOW is not 4 bytes');
      const bytes = payload.readUInt32BE(0);
      if (!call.onWindow(bytes) || bytes < 1024) this.#idle();
    } else throw new Violation(`frame type ${type} for a call`);
  }

  /** A frame for a call that is over: ignored, but not without limit. */
  #stray(type: number, payload: Buffer): void {
    this.#idle();
    if (type !== frameTypes.body && type !== frameTypes.response) return;
    this.#strayBodyBytes += payload.length;
    if (this.#strayBodyBytes > initialCreditBytes)
      throw new Violation('body bytes beyond the credit of calls that are over');
  }

  #idle(): void {
    this.#idleFrames++;
    if (this.#idleFrames > idleFrames.free + idleFrames.perCall * this.#options.lastId())
      throw new Violation(`${this.#idleFrames} frames that lead nowhere`);
  }
}
