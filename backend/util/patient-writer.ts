/** More pieces than this that wait are put together: each costs far more than its bytes. */
const maxHeldPieces = 256;

/** What is used of a Writable. */
export interface RoomyStream {
  readonly destroyed: boolean;
  readonly writableNeedDrain: boolean;
  /** False: there is no room for more until `drain`. */
  write(data: Buffer): boolean;
  on(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
}

/**
 * Writes to a stream whose reader may be slow and whose writer may be hostile: however many tiny pieces come while it is full,
 * they cost one listener, one promise, and about their own size.
 */
export class PatientWriter {
  readonly #stream: RoomyStream;
  #held: Buffer[] = [];
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(stream: RoomyStream) {
    this.#stream = stream;
  }

  /** Undefined when there is room for more; else the same promise for everybody, until everything written has left. */
  write(data: Buffer): Promise<void> | undefined {
    if (this.#stream.destroyed) return undefined;
    if (this.#waiting === undefined) {
      if (this.#stream.write(data)) return undefined;
      this.#waiting = Promise.withResolvers<void>();
      this.#stream.on('drain', this.#onRoom);
      this.#stream.on('close', this.#onRoom);
    } else {
      this.#held.push(data);
      if (this.#held.length >= maxHeldPieces) this.#held = [Buffer.concat(this.#held)];
    }
    return this.#waiting.promise;
  }

  /** Gives the stream what is held back; before its `end`. */
  flush(): void {
    const held = this.#held;
    this.#held = [];
    for (const piece of held) this.#stream.write(piece);
  }

  readonly #onRoom = (): void => {
    if (!this.#stream.destroyed && this.#held.length > 0) {
      this.flush();
      if (this.#stream.writableNeedDrain) return;
    }
    this.#held = [];
    this.#stream.off('drain', this.#onRoom);
    this.#stream.off('close', this.#onRoom);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve();
  };
}
