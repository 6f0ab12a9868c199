import type { Socket } from 'node:net';

/**
 * What a gateway process and the platform say to each other over a Unix socket: `u32 length, u8 type, u32 id` and as many bytes of payload, integers
 * big-endian. `id` is the number of an exchange, of the gateway process's choice; 0 belongs to none.
 */
export const linkFrames = {
  /** To the platform. A connection for frames; JSON of `LinkHello`. The first frame. */
  hello: 1,
  /** To the platform. The rest of this connection is that of a client, unread from its first byte; its address. The first and only frame. */
  tunnel: 2,
  /** To the platform. JSON of the head behind its length, then the body, which is whole. */
  request: 3,
  /** To the platform. The client is gone. */
  gone: 4,
  /** To the platform. So many bytes (u32) of the response have left. */
  taken: 5,
  /** To the gateway. A response that is whole: JSON of its head behind its length, then the body. */
  respond: 6,
  /** To the gateway. A response that follows in pieces; JSON of its head behind its length. */
  start: 7,
  data: 8,
  end: 9,
  /** To the gateway. The connection of the client ends now. */
  cut: 10,
  /** To the gateway. No new connections; the process ends when the last one has. */
  close: 11,
} as const;

export interface LinkHello {
  readonly pid: number;
  /** Where it listens. */
  readonly port: number;
}

export interface RequestMeta {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly address: string;
}

export interface ResponseMeta {
  readonly status: number;
  readonly headers: readonly string[];
  /** The connection ends after this response. */
  readonly isLast: boolean;
}

export interface LinkFrame {
  readonly type: number;
  readonly id: number;
  /** A view of what was read: copy what is kept beyond the call. */
  readonly payload: Buffer;
}

const headerBytes = 9;
const empty = Buffer.alloc(0);

/** One frame, ready to be written. */
export function encodeFrame(type: number, id: number, payload: Buffer = empty): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  frame.writeUInt32BE(payload.length, 0);
  frame.writeUInt8(type, 4);
  frame.writeUInt32BE(id, 5);
  payload.copy(frame, headerBytes);
  return frame;
}

/** One frame of JSON behind its length, and a body. */
export function encodeWithMeta(
  type: number,
  id: number,
  meta: RequestMeta | ResponseMeta,
  body: Buffer = empty,
): Buffer {
  const text = JSON.stringify(meta);
  const metaBytes = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(headerBytes + 4 + metaBytes + body.length);
  frame.writeUInt32BE(4 + metaBytes + body.length, 0);
  frame.writeUInt8(type, 4);
  frame.writeUInt32BE(id, 5);
  frame.writeUInt32BE(metaBytes, headerBytes);
  frame.write(text, headerBytes + 4);
  body.copy(frame, headerBytes + 4 + metaBytes);
  return frame;
}

/** The parts of a payload of `encodeWithMeta`. The body is a copy, which may be kept. */
export function decodeWithMeta<Meta extends RequestMeta | ResponseMeta>(
  payload: Buffer,
): { readonly meta: Meta; readonly body: Buffer } {
  const bodyAt = 4 + payload.readUInt32BE(0);
  return { meta: JSON.parse(payload.toString('utf8', 4, bodyAt)) as Meta, body: Buffer.from(payload.subarray(bodyAt)) };
}

/** Cuts a byte stream into frames. */
export class LinkDecoder {
  readonly #maxPayloadBytes: number;
  readonly #onFrame: (frame: LinkFrame) => void;
  #isStopped = false;
  #waiting: Buffer = empty;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #wantedBytes = headerBytes;

  constructor(maxPayloadBytes: number, onFrame: (frame: LinkFrame) => void) {
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#onFrame = onFrame;
  }

  /** Throws when a frame is longer than it may be. */
  push(chunk: Buffer): void {
    this.#pieces.push(chunk);
    this.#bytes += chunk.length;
    // A long frame is put together once, not with each of its pieces.
    if (this.#bytes < this.#wantedBytes) return;
    this.#waiting = this.#pieces.length === 1 ? chunk : Buffer.concat(this.#pieces, this.#bytes);
    let at = 0;
    this.#wantedBytes = headerBytes;
    while (!this.#isStopped && this.#waiting.length - at >= headerBytes) {
      const length = this.#waiting.readUInt32BE(at);
      if (length > this.#maxPayloadBytes) throw new Error(`a frame of ${length} bytes is longer than it may be`);
      const end = at + headerBytes + length;
      if (end > this.#waiting.length) {
        this.#wantedBytes = headerBytes + length;
        break;
      }
      const type = this.#waiting.readUInt8(at + 4);
      const id = this.#waiting.readUInt32BE(at + 5);
      const payload = this.#waiting.subarray(at + headerBytes, end);
      at = end;
      this.#onFrame({ type, id, payload });
    }
    const rest = this.#waiting.subarray(at);
    this.#pieces = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
    this.#waiting = empty;
  }

  /** No more frames: what is unread from here on is the caller's. Called from within `onFrame` too. */
  stop(): void {
    this.#isStopped = true;
  }

  /** After `stop` and the end of `push`: what was read behind the last frame. */
  get rest(): Buffer {
    return this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
  }
}

/** Writes frames to a socket: those of one turn of the event loop leave together. */
export class LinkWriter {
  readonly #socket: Socket;
  #isCorked = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  write(frame: Buffer): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      socket.cork();
      setImmediate(this.#flush);
    }
    socket.write(frame);
  }

  readonly #flush = (): void => {
    this.#isCorked = false;
    this.#socket.uncork();
  };
}
