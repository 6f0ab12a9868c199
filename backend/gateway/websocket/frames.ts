/** RFC 6455 section 5.2: the first byte of a frame is FIN and the opcode. */
export const fin = 0x80;
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Close codes that the gateway itself uses (RFC 6455 section 7.4.1, and the registry for 1012 and up). */
export const closeCodes = { goingAway: 1001, protocol: 1002, tooBig: 1009, failed: 1011 } as const;

const maxControlBytes = 125;

/** The peer broke the protocol: the connection ends with this close code. */
export class WebSocketError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = 'WebSocketError';
    this.code = code;
  }
}

/** A frame's header as a server writes it: without a mask. `first` is FIN and opcode. */
export function frameHeader(first: number, bytes: number): Buffer {
  if (bytes < 126) return Buffer.from([first, bytes]);
  if (bytes < 65_536) return Buffer.from([first, 126, bytes >> 8, bytes & 255]);
  const header = Buffer.alloc(10);
  header[0] = first;
  header[1] = 127;
  header.writeUInt32BE(bytes, 6);
  return header;
}

/** The payload of a close frame. */
export function closePayload(code: number, reason: string): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code, 0);
  payload.write(reason, 2);
  return payload;
}

/** Throws unless a peer may send this as the payload of a close frame (RFC 6455 sections 5.5.1 and 7.4). */
function checkClose(payload: Buffer): void {
  if (payload.length === 0) return;
  const code = payload.length === 1 ? 0 : payload.readUInt16BE(0);
  const isKnown = (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code < 5000);
  if (!isKnown) throw new WebSocketError(closeCodes.protocol, 'close code that may not be sent');
}

/** Takes note of fragments: a message begins with its opcode and goes on with continuations until FIN; a limit holds for the whole. */
class MessageRules {
  readonly #maxBytes: number;
  #isInside = false;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  frame(isFinal: boolean, opcode: number, bytes: number): void {
    if (this.#isInside === (opcode !== opcodes.continuation))
      throw new WebSocketError(closeCodes.protocol, 'fragments out of order');
    this.#bytes += bytes;
    if (this.#bytes > this.#maxBytes)
      throw new WebSocketError(closeCodes.tooBig, `messages of more than ${this.#maxBytes} bytes are not taken`);
    this.#isInside = !isFinal;
    if (isFinal) this.#bytes = 0;
  }
}

export interface ClientFramesOptions {
  readonly maxMessageBytes: number;
  /** A part of a message: `first` is FIN, if it is the last, and the opcode, if it is the first. `payload` is the receiver's to keep. */
  readonly onPiece: (first: number, payload: Buffer) => void;
  readonly onPing: (payload: Buffer) => void;
  /** The connection takes nothing more after this. */
  readonly onClose: (payload: Buffer) => void;
}

interface OpenFrame {
  readonly first: number;
  readonly mask: Buffer;
  /** Bytes that are still to come, and that have come. */
  left: number;
  at: number;
}

/** Reads what a client sends, piece by piece as it comes, so that no message is ever held whole here. `push` throws WebSocketError. */
export class ClientFrames {
  readonly #options: ClientFramesOptions;
  readonly #rules: MessageRules;
  #header = Buffer.alloc(0);
  /** Of the frame that is being read; undefined between frames. */
  #frame: OpenFrame | undefined;
  #control: Buffer[] = [];
  #isClosed = false;

  constructor(options: ClientFramesOptions) {
    this.#options = options;
    this.#rules = new MessageRules(options.maxMessageBytes);
  }

  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && !this.#isClosed) {
      rest = this.#frame === undefined ? this.#readHeader(rest) : this.#readPayload(rest);
    }
  }

  #readHeader(chunk: Buffer): Buffer {
    const before = this.#header.length;
    const bytes = before === 0 ? chunk : Buffer.concat([this.#header, chunk.subarray(0, 14)]);
    const need = headerBytes(bytes);
    if (bytes.length < need) {
      this.#header = Buffer.from(bytes);
      return chunk.subarray(chunk.length);
    }
    this.#header = Buffer.alloc(0);
    this.#begin(bytes.subarray(0, need));
    return chunk.subarray(need - before);
  }

  #begin(header: Buffer): void {
    const first = header[0] as number;
    const second = header[1] as number;
    if ((first & 0x70) !== 0) throw new WebSocketError(closeCodes.protocol, 'no extension was agreed on');
    if ((second & 0x80) === 0) throw new WebSocketError(closeCodes.protocol, 'a client must mask its frames');
    const opcode = first & 0x0f;
    const short = second & 0x7f;
    const high = short === 127 ? header.readUInt32BE(2) : 0;
    if (high !== 0) throw new WebSocketError(closeCodes.tooBig, 'the frame is too long');
    const left = short === 127 ? header.readUInt32BE(6) : short === 126 ? header.readUInt16BE(2) : short;
    if (opcode >= opcodes.close) {
      if (opcode > opcodes.pong) throw new WebSocketError(closeCodes.protocol, 'unknown kind of frame');
      if ((first & fin) === 0 || left > maxControlBytes)
        throw new WebSocketError(closeCodes.protocol, 'a control frame must be short and whole');
    } else {
      if (opcode > opcodes.binary) throw new WebSocketError(closeCodes.protocol, 'unknown kind of frame');
      this.#rules.frame((first & fin) !== 0, opcode, left);
    }
    this.#frame = { first, mask: Buffer.from(header.subarray(header.length - 4)), left, at: 0 };
    if (left === 0) this.#piece(this.#frame, Buffer.alloc(0));
  }

  #readPayload(chunk: Buffer): Buffer {
    const frame = this.#frame as OpenFrame;
    const bytes = Math.min(frame.left, chunk.length);
    const payload = Buffer.from(chunk.subarray(0, bytes));
    for (let i = 0; i < bytes; i++) payload[i] = (payload[i] as number) ^ (frame.mask[(frame.at + i) & 3] as number);
    frame.left -= bytes;
    this.#piece(frame, payload);
    frame.at += bytes;
    return chunk.subarray(bytes);
  }

  #piece(frame: OpenFrame, payload: Buffer): void {
    const { first, left, at } = frame;
    const isLast = left === 0;
    if (isLast) this.#frame = undefined;
    const opcode = first & 0x0f;
    if (opcode < opcodes.close) {
      const begins = at === 0 ? opcode : opcodes.continuation;
      this.#options.onPiece((isLast ? first & fin : 0) | begins, payload);
      return;
    }
    this.#control.push(payload);
    if (!isLast) return;
    const whole = Buffer.concat(this.#control);
    this.#control = [];
    if (opcode === opcodes.ping) this.#options.onPing(whole);
    else if (opcode === opcodes.close) {
      checkClose(whole);
      this.#isClosed = true;
      this.#options.onClose(whole);
    }
  }
}

/** Length of a client's frame header, as far as it can be told from its beginning. */
function headerBytes(bytes: Buffer): number {
  if (bytes.length < 2) return 6;
  // Without a mask it is wrong, whatever follows.
  if (((bytes[1] as number) & 0x80) === 0) return 2;
  const short = (bytes[1] as number) & 0x7f;
  return 6 + (short === 127 ? 8 : short === 126 ? 2 : 0);
}

/** A piece as it travels in the body of a call: FIN and opcode, u32 length, payload (docs/protocol.md). */
export function pieceOf(first: number, payload: Buffer): Buffer {
  const piece = Buffer.allocUnsafe(pieceHeaderBytes + payload.length);
  piece[0] = first;
  piece.writeUInt32BE(payload.length, 1);
  payload.copy(piece, pieceHeaderBytes);
  return piece;
}
const pieceHeaderBytes = 5;

export interface FunctionPiecesOptions {
  readonly maxMessageBytes: number;
  readonly write: (data: Buffer) => void;
  /** The function has closed; nothing of it is read after this. */
  readonly onClose: () => void;
}

/** Turns the body of a function's answer into frames for the client, without holding messages. `push` throws WebSocketError. */
export class FunctionPieces {
  readonly #options: FunctionPiecesOptions;
  readonly #rules: MessageRules;
  #header = Buffer.alloc(0);
  #left = 0;
  #close: Buffer[] | undefined;
  #isClosed = false;

  constructor(options: FunctionPiecesOptions) {
    this.#options = options;
    this.#rules = new MessageRules(options.maxMessageBytes);
  }

  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && !this.#isClosed) {
      if (this.#left > 0) {
        const part = rest.subarray(0, this.#left);
        rest = rest.subarray(part.length);
        this.#payload(part);
        continue;
      }
      const missing = pieceHeaderBytes - this.#header.length;
      this.#header = Buffer.concat([this.#header, rest.subarray(0, missing)]);
      rest = rest.subarray(missing);
      if (this.#header.length === pieceHeaderBytes) this.#begin();
    }
  }

  #begin(): void {
    const first = this.#header[0] as number;
    const bytes = this.#header.readUInt32BE(1);
    this.#header = Buffer.alloc(0);
    this.#left = bytes;
    if (first === (fin | opcodes.close)) {
      if (bytes > maxControlBytes) throw new WebSocketError(closeCodes.failed, 'the close reason is too long');
      this.#close = [];
      if (bytes === 0) this.#payload(Buffer.alloc(0));
      return;
    }
    const opcode = first & ~fin;
    if (opcode > opcodes.binary) throw new WebSocketError(closeCodes.failed, 'the function broke the protocol');
    this.#rules.frame((first & fin) !== 0, opcode, bytes);
    this.#options.write(frameHeader(first, bytes));
  }

  #payload(part: Buffer): void {
    this.#left -= part.length;
    if (this.#close === undefined) {
      this.#options.write(part);
      return;
    }
    this.#close.push(part);
    if (this.#left > 0) return;
    const payload = Buffer.concat(this.#close);
    checkClose(payload);
    this.#isClosed = true;
    this.#options.write(Buffer.concat([frameHeader(fin | opcodes.close, payload.length), payload]));
    this.#options.onClose();
  }
}
