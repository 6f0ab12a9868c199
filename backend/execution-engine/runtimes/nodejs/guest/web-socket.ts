import type { Call } from './call.ts';
import { upgradeHead } from './head.ts';
import type { HttpMeta } from './messages.ts';
import { allocate, cancelTimer, joinBytes, startTimer } from './originals.ts';
import { noBytes } from './wire.ts';

/** FIN and the opcodes of RFC 6455; a piece is one such byte, a u32 length, and the payload (docs/protocol.md). */
const fin = 0x80;
const opcodes = { continuation: 0, text: 1, binary: 2, close: 8 } as const;
const headerBytes = 5;
const maxReasonBytes = 123;
/** For the client to answer a close. */
const closeMs = 5000;
/** Listeners that may be at work at a time; the next message waits until one of them is done. */
const maxListening = 16;

export interface UpgradeOptions {
  /** One of the subprotocols that the client offers. */
  readonly protocol?: string;
}
export interface UpgradedWebSocket {
  readonly socket: FunctionWebSocket;
  readonly response: Response;
}

type Listener = ((event: object) => unknown) | { handleEvent(event: object): unknown };
type EventType = 'open' | 'message' | 'close' | 'error';

/** The function's end of a WebSocket: what the standard's WebSocket offers, with a promise for back-pressure. */
export class FunctionWebSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly url: string;
  readonly protocol: string;
  readonly extensions = '';
  readonly binaryType = 'arraybuffer';
  onopen: Listener | null = null;
  onmessage: Listener | null = null;
  onclose: Listener | null = null;
  onerror: Listener | null = null;
  readonly #call: Call;
  readonly #listeners = new Map<string, Set<Listener>>();
  #readyState = FunctionWebSocket.CONNECTING;
  #bufferedAmount = 0;
  /** Pieces go out one after the other. */
  #sending: Promise<void> = Promise.resolve();
  #drained: PromiseWithResolvers<void> | undefined;
  #sentClose = false;
  #listening = 0;
  #onListened: (() => void) | undefined;
  #giveUp: () => void = () => undefined;
  #closesAtOpen: () => void = () => undefined;
  #closeTimer: ReturnType<typeof startTimer> | undefined;

  constructor(call: Call, url: string, protocol: string) {
    this.#call = call;
    this.url = url;
    this.protocol = protocol;
  }

  get readyState(): number {
    return this.#readyState;
  }
  /** Bytes that were given to `send` and have not left yet. */
  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }
  /** Resolves when everything that was sent has left, or will not any more. */
  get drained(): Promise<void> {
    if (this.#bufferedAmount === 0 || this.#readyState === FunctionWebSocket.CLOSED) return Promise.resolve();
    this.#drained ??= Promise.withResolvers<void>();
    return this.#drained.promise;
  }

  addEventListener(type: string, listener: Listener | null): void {
    if (listener === null) return;
    const listeners = this.#listeners.get(type) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(type, listeners);
  }
  removeEventListener(type: string, listener: Listener): void {
    this.#listeners.get(type)?.delete(listener);
  }

  /** Text, or bytes of an ArrayBuffer or a view. After `close` nothing is sent. Throws before the response was returned. */
  send(data: string | ArrayBuffer | ArrayBufferView): void {
    if (this.#readyState === FunctionWebSocket.CONNECTING)
      throw new DOMException('the socket is open when its response has been returned', 'InvalidStateError');
    if (this.#readyState !== FunctionWebSocket.OPEN) return;
    if (typeof data === 'string') this.#send(fin | opcodes.text, Buffer.from(data));
    else if (ArrayBuffer.isView(data))
      this.#send(fin | opcodes.binary, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    else if (data instanceof ArrayBuffer) this.#send(fin | opcodes.binary, Buffer.from(data));
    else throw new TypeError('a WebSocket sends text, an ArrayBuffer or a view of one');
  }

  /** `code` 1000 or 3000 to 4999, `reason` at most 123 bytes of UTF-8. */
  close(code?: number, reason = ''): void {
    if (code !== undefined && code !== 1000 && !(Number.isInteger(code) && code >= 3000 && code < 5000))
      throw new DOMException(`the close code ${code} is neither 1000 nor from 3000 to 4999`, 'InvalidAccessError');
    if (Buffer.byteLength(reason) > maxReasonBytes)
      throw new DOMException(`the reason has more than ${maxReasonBytes} bytes`, 'SyntaxError');
    this.#close(code ?? (reason === '' ? undefined : 1000), reason);
  }

  /** For the agent: runs the connection to its end. Rejects never. */
  static async run(socket: FunctionWebSocket): Promise<void> {
    await socket.#run();
  }

  async #run(): Promise<void> {
    const givenUp = new Promise<undefined>((resolve) => {
      this.#giveUp = () => resolve(undefined);
    });
    this.#readyState = FunctionWebSocket.OPEN;
    this.#dispatch('open', {});
    this.#closesAtOpen();
    let closed = { code: 1006, reason: '', wasClean: false };
    try {
      closed = (await Promise.race([this.#read(), givenUp])) ?? closed;
      if (closed.wasClean) this.#close(closed.code === 1005 ? undefined : closed.code, '');
    } catch {
      // The client is gone, or its messages were cut off.
    }
    cancelTimer(this.#closeTimer);
    await this.#sending.catch(() => undefined);
    this.#readyState = FunctionWebSocket.CLOSED;
    this.#settle();
    if (!closed.wasClean) this.#dispatch('error', { message: 'the connection was lost' });
    this.#dispatch('close', closed);
  }

  /** Delivers messages until the client closes. */
  async #read(): Promise<{ code: number; reason: string; wasClean: boolean } | undefined> {
    const messages = new MessageReader();
    for await (const chunk of this.#call.body.stream()) {
      for (const { opcode, bytes } of messages.push(chunk as Buffer)) {
        if (opcode === opcodes.close) return closeOf(bytes);
        if (this.#deliver(opcode, bytes)) await this.#room();
      }
    }
    return undefined;
  }

  async #room(): Promise<void> {
    while (this.#listening >= maxListening) {
      await new Promise<void>((resolve) => {
        this.#onListened = resolve;
      });
    }
  }

  /** False when nobody is to hear of it. */
  #deliver(opcode: number, bytes: Buffer): boolean {
    if (this.#readyState !== FunctionWebSocket.OPEN) return false;
    if (opcode === opcodes.binary) {
      const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
      this.#dispatch('message', { data });
      return true;
    }
    let data: string;
    try {
      data = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      this.#close(1007, 'text that is not UTF-8');
      return false;
    }
    this.#dispatch('message', { data });
    return true;
  }

  #dispatch(type: EventType, fields: object): void {
    const event = Object.freeze({ type, target: this, currentTarget: this, ...fields });
    const property = this[`on${type}`];
    const listeners = [...(property === null ? [] : [property]), ...(this.#listeners.get(type) ?? [])];
    for (const listener of listeners) {
      this.#listening++;
      const heard = (async () => {
        if (typeof listener === 'function') await listener.call(this, event);
        else await listener.handleEvent(event);
      })();
      heard
        .catch((error: unknown) => {
          this.#call.logError(`WebSocket on${type}`, error);
          this.#close(1011, 'the function failed');
        })
        .finally(() => {
          this.#listening--;
          this.#onListened?.();
        });
    }
  }

  #close(code: number | undefined, reason: string): void {
    if (this.#sentClose || this.#readyState === FunctionWebSocket.CLOSED) return;
    if (this.#readyState === FunctionWebSocket.CONNECTING) {
      this.#closesAtOpen = () => this.#close(code, reason);
      return;
    }
    this.#sentClose = true;
    this.#readyState = FunctionWebSocket.CLOSING;
    const payload = code === undefined ? noBytes : allocate(2 + Buffer.byteLength(reason));
    if (code !== undefined) {
      payload.writeUInt16BE(code, 0);
      payload.write(reason, 2);
    }
    this.#send(fin | opcodes.close, payload);
    this.#closeTimer = startTimer(() => this.#giveUp(), closeMs);
  }

  #send(first: number, payload: Buffer): void {
    const piece = allocate(headerBytes + payload.length);
    piece[0] = first;
    piece.writeUInt32BE(payload.length, 1);
    payload.copy(piece, headerBytes);
    this.#bufferedAmount += payload.length;
    this.#sending = this.#sending
      .then(() => this.#call.write(piece))
      .finally(() => {
        this.#bufferedAmount -= payload.length;
        if (this.#bufferedAmount === 0) this.#settle();
      });
    // Whoever is cut off learns it from `close`.
    this.#sending.catch(() => undefined);
  }

  #settle(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}

/** Puts messages together from the pieces in the request body. The host is trusted, and has checked what the client sent. */
class MessageReader {
  #held: Buffer = noBytes;
  #opcode = 0;
  #parts: Buffer[] = [];

  *push(chunk: Buffer): Generator<{ readonly opcode: number; readonly bytes: Buffer }> {
    let bytes = this.#held.length === 0 ? chunk : joinBytes([this.#held, chunk]);
    while (bytes.length >= headerBytes) {
      const end = headerBytes + bytes.readUInt32BE(1);
      if (bytes.length < end) break;
      const first = bytes[0] as number;
      const payload = bytes.subarray(headerBytes, end);
      bytes = bytes.subarray(end);
      const opcode = first & ~fin;
      if (opcode === opcodes.close) yield { opcode, bytes: payload };
      else {
        if (opcode !== opcodes.continuation) this.#opcode = opcode;
        this.#parts[this.#parts.length] = payload;
        if ((first & fin) === 0) continue;
        const whole = this.#parts.length === 1 ? payload : joinBytes(this.#parts);
        this.#parts = [];
        yield { opcode: this.#opcode, bytes: whole };
      }
    }
    this.#held = bytes;
  }
}

function closeOf(payload: Buffer): { code: number; reason: string; wasClean: boolean } {
  if (payload.length < 2) return { code: 1005, reason: '', wasClean: true };
  return { code: payload.readUInt16BE(0), reason: payload.toString('utf8', 2), wasClean: true };
}

/** What `context.upgradeWebSocket` returns. A Response of Node cannot have the status 101; this one says so all the same. */
export function acceptWebSocket(call: Call, meta: HttpMeta, options: UpgradeOptions): UpgradedWebSocket {
  const protocol = options.protocol ?? '';
  const socket = new FunctionWebSocket(
    call,
    `${meta.scheme === 'https' ? 'wss' : 'ws'}://${meta.host}${meta.target}`,
    protocol,
  );
  const response = new Response(null, protocol === '' ? {} : { headers: { 'sec-websocket-protocol': protocol } });
  Object.defineProperty(response, 'status', { value: 101 });
  Object.defineProperty(response, 'webSocket', { value: socket, enumerable: true });
  return { socket, response };
}

/** Opens the socket and sees it through; the call lasts as long as the connection. */
export async function runWebSocket(call: Call, socket: FunctionWebSocket, headers: readonly string[]): Promise<void> {
  call.start(upgradeHead(headers));
  await FunctionWebSocket.run(socket);
  await call.end();
}
