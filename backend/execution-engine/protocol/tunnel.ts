import { Duplex } from 'node:stream';
import type { FrameEncoder } from './frame-encoder.ts';
import { emptyBuffer, frameFlags, frameTypes, maxTunnelChunkBytes, tunnelCreditBytes, Violation } from './frames.ts';

/** What a tunnel needs of its connection. */
export interface TunnelHost {
  readonly encoder: FrameEncoder;
  flush(): void;
  isWritable(): boolean;
  /** It is over in both directions. */
  over(tunnel: Tunnel): void;
}

/** Credit is given back in lumps of this. */
const grantBytes = tunnelCreditBytes / 4;

/**
 * The host's end of one connection that a program inside opened to the agent. Never holds more than the credit of either direction, whatever
 * the other side does; destroying it closes the connection inside.
 */
export class Tunnel extends Duplex {
  readonly id: number;
  readonly #host: TunnelHost;
  /** Received and not yet wanted; the credit bounds it. */
  #received: Buffer[] = [];
  #mayReceive = tunnelCreditBytes;
  #ungranted = 0;
  #isWanted = false;
  #hasEnded = false;
  #maySend = tunnelCreditBytes;
  #unsent: { rest: Buffer; readonly done: () => void } | undefined;
  #hasSentEnd = false;
  #isOver = false;

  constructor(id: number, host: TunnelHost) {
    super({ allowHalfOpen: true, readableHighWaterMark: 65_536, writableHighWaterMark: 65_536 });
    this.id = id;
    this.#host = host;
  }

  /** TUNNEL_DATA. Throws `Violation` for bytes beyond the credit or behind the end. */
  onData(bytes: Buffer, isLast: boolean): void {
    if (this.#hasEnded) throw new Violation('tunnel bytes after their END');
    if (bytes.length > maxTunnelChunkBytes) throw new Violation(`TUNNEL_DATA of ${bytes.length} bytes`);
    this.#mayReceive -= bytes.length;
    if (this.#mayReceive < 0) throw new Violation('tunnel bytes beyond the credit');
    if (bytes.length > 0) this.#received.push(bytes);
    this.#hasEnded = isLast;
    this.#deliver();
    this.#overIfEnded();
  }

  /** TUNNEL_WINDOW. False: it gives back more than was sent. */
  onWindow(bytes: number): boolean {
    if (this.#maySend + bytes > tunnelCreditBytes) return false;
    this.#maySend += bytes;
    this.pump();
    return true;
  }

  /** TUNNEL_CLOSE: the connection inside broke. */
  onClose(): void {
    this.#isOver = true;
    this.#host.over(this);
    this.destroy();
  }

  /** Sends as much as credit and channel take. */
  pump(): void {
    const unsent = this.#unsent;
    if (unsent === undefined) return;
    while (unsent.rest.length > 0 && this.#maySend > 0 && this.#host.isWritable()) {
      const piece = unsent.rest.subarray(0, Math.min(this.#maySend, maxTunnelChunkBytes));
      unsent.rest = unsent.rest.subarray(piece.length);
      this.#maySend -= piece.length;
      this.#host.encoder.raw(frameTypes.tunnelData, 0, this.id, piece);
      this.#host.flush();
    }
    if (unsent.rest.length > 0) return;
    this.#unsent = undefined;
    unsent.done();
  }

  override _read(): void {
    this.#isWanted = true;
    this.#deliver();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#unsent = { rest: chunk, done };
    this.pump();
  }

  override _final(done: () => void): void {
    this.#hasSentEnd = true;
    this.#send(frameTypes.tunnelData, frameFlags.end);
    this.#overIfEnded();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#received = [];
    this.#unsent = undefined;
    if (!this.#isOver) {
      this.#isOver = true;
      this.#send(frameTypes.tunnelClose, 0);
      this.#host.over(this);
    }
    done(error);
  }

  #overIfEnded(): void {
    if (this.#isOver || !this.#hasEnded || !this.#hasSentEnd) return;
    this.#isOver = true;
    this.#host.over(this);
  }

  /** What is handed on here has left the credit's memory and is paid for by whoever reads. */
  #deliver(): void {
    while (this.#isWanted) {
      const next = this.#received.shift();
      if (next === undefined) break;
      this.#ungranted += next.length;
      this.#isWanted = this.push(next);
    }
    if (this.#hasEnded && this.#received.length === 0) this.push(null);
    else if (this.#ungranted >= grantBytes && !this.#isOver) {
      this.#host.encoder.u32(frameTypes.tunnelWindow, this.id, this.#ungranted);
      this.#host.flush();
      this.#mayReceive += this.#ungranted;
      this.#ungranted = 0;
    }
  }

  #send(type: number, flags: number): void {
    this.#host.encoder.raw(type, flags, this.id, emptyBuffer);
    this.#host.flush();
  }
}
