import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { viewBytes } from './originals.ts';

/** The bytes to and from the host. */
export interface ChannelStream {
  /** Begins to read. `lost` is called, maybe more than once, when the host has gone. */
  begin(receive: (bytes: Buffer) => void, lost: () => void): void;
  /** Sends these, in order; true: the kernel has a copy of all that was ever written, and nobody reads `buffers` any more. */
  write(buffers: readonly Buffer[]): boolean;
  /** Sends what is left and ends this side. `done` is not called when the host never reads it. */
  end(done: () => void): void;
}

/** A stream of Node's. */
export class DuplexStream implements ChannelStream {
  readonly #stream: Duplex;
  readonly #write: (bytes: Buffer) => boolean;
  /** What was written and has left the stream, the kernel has a copy of. */
  readonly #copies: boolean;

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.#copies = stream instanceof process.getBuiltinModule('node:net').Socket;
    this.#write = stream.write.bind(stream) as (bytes: Buffer) => boolean;
  }

  begin(receive: (bytes: Buffer) => void, lost: () => void): void {
    this.#stream.on('data', receive);
    this.#stream.on('end', lost);
    this.#stream.on('close', lost);
    this.#stream.on('error', lost);
  }

  write(buffers: readonly Buffer[]): boolean {
    if (buffers.length > 1) this.#stream.cork();
    for (const buffer of buffers) this.#write(buffer);
    if (buffers.length > 1) this.#stream.uncork();
    return this.#copies && this.#stream.writableLength === 0;
  }

  end(done: () => void): void {
    this.#stream.end(done);
  }
}

interface HandleRequest {
  oncomplete: (status: number) => void;
  /** Keeps the bytes alive until the kernel has them. */
  bytes?: Buffer;
}

/** Node's own pipe, which polls a descriptor: an inherited socket of any family, or a device. */
export interface PipeHandle {
  onread: (bytes: ArrayBuffer | undefined) => void;
  open(descriptor: number): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: HandleRequest, bytes: Buffer): number;
  shutdown(request: HandleRequest): number;
}

interface StreamBinding {
  readonly WriteWrap: new () => HandleRequest;
  readonly ShutdownWrap: new () => HandleRequest;
  /** What the last operation came to, at the places that the next three name. */
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kArrayBufferOffset: number;
  readonly kLastWriteWasAsync: number;
}

interface PipeBinding {
  readonly Pipe: new (type: number) => PipeHandle;
  readonly constants: { readonly SOCKET: number };
}

const bindingOf = (name: string): unknown => (process as unknown as { binding(name: string): unknown }).binding(name);

/** There is no public way to poll a device, or a socket of another family. */
export function openPipe(descriptor: number): PipeHandle {
  const { Pipe, constants } = bindingOf('pipe_wrap') as PipeBinding;
  const pipe = new Pipe(constants.SOCKET);
  pipe.open(descriptor);
  return pipe;
}

/**
 * The pipe itself, without `node:net` and the seventeen modules of streams beneath it: loading them takes every start 2 ms and every instance
 * half a MiB, and each frame would pass through them. Throws where this Node has no such pipes.
 */
export class PipeStream implements ChannelStream {
  readonly #pipe: PipeHandle;
  readonly #binding: StreamBinding;
  #lost: () => void = () => undefined;
  #unsent = 0;

  constructor(pipe: PipeHandle) {
    this.#pipe = pipe;
    this.#binding = bindingOf('stream_wrap') as StreamBinding;
    const { WriteWrap, ShutdownWrap, streamBaseState, ...places } = this.#binding;
    const isComplete =
      typeof WriteWrap === 'function' &&
      typeof ShutdownWrap === 'function' &&
      [places.kReadBytesOrError, places.kArrayBufferOffset, places.kLastWriteWasAsync].every(
        (place) => typeof streamBaseState[place] === 'number',
      );
    if (!isComplete) throw new TypeError('this Node has other pipes');
  }

  begin(receive: (bytes: Buffer) => void, lost: () => void): void {
    this.#lost = lost;
    const { streamBaseState: state, kReadBytesOrError, kArrayBufferOffset } = this.#binding;
    this.#pipe.onread = (bytes) => {
      const length = state[kReadBytesOrError] as number;
      if (length > 0 && bytes !== undefined) receive(viewBytes(bytes, state[kArrayBufferOffset], length));
      else if (length < 0) lost();
    };
    if (this.#pipe.readStart() < 0) lost();
  }

  write(buffers: readonly Buffer[]): boolean {
    const { WriteWrap, streamBaseState: state, kLastWriteWasAsync } = this.#binding;
    for (const bytes of buffers) {
      const request = new WriteWrap();
      request.oncomplete = this.#written;
      const failure = this.#pipe.writeBuffer(request, bytes);
      if (failure !== 0) {
        this.#lost();
        return false;
      }
      if (state[kLastWriteWasAsync] === 0) continue;
      request.bytes = bytes;
      this.#unsent++;
    }
    return this.#unsent === 0;
  }

  readonly #written = (status: number): void => {
    this.#unsent--;
    if (status < 0) this.#lost();
  };

  end(done: () => void): void {
    const request = new this.#binding.ShutdownWrap();
    request.oncomplete = done;
    if (this.#pipe.shutdown(request) !== 0) done();
  }
}

/** The pipe beneath a connected socket, which the socket then no longer reads or writes. */
export function pipeBeneath(socket: Socket): ChannelStream {
  const { _handle } = socket as unknown as { readonly _handle: PipeHandle | null };
  if (_handle === null) throw new TypeError('the socket is not connected');
  // One that is not paused begins to read once its listeners know of the connection.
  socket.pause();
  _handle.readStop();
  return new PipeStream(_handle);
}
