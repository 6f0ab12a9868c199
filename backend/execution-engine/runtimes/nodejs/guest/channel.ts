import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { cancelTimer, later, startTimer } from './originals.ts';
import { FrameReader, type FrameReceiver, FrameWriter } from './wire.ts';

const flushBytes = 262_144;
/** The host begins with these while the other calls of this turn are still being worked on. */
const flushFrames = 4;
/** How long a host that no longer reads can hold up the exit. */
const lastWordsMs = 1000;

/** Opens what HEARTH_CHANNEL names: `fd:3`, `unix:/path`, `tcp:host:port` or `serial:/dev/…`. `key` goes first, as a line of its own. */
export function openStream(address: string, key?: string): Duplex {
  const stream = openAddress(address);
  if (key !== undefined) stream.write(`${key}\n`);
  return stream;
}

function openAddress(address: string): Duplex {
  const colon = address.indexOf(':');
  const kind = address.slice(0, colon);
  const rest = address.slice(colon + 1);
  const net = process.getBuiltinModule('node:net');
  if (kind === 'fd') return openDescriptor(Number(rest));
  if (kind === 'unix') return net.connect(rest);
  if (kind === 'tcp') {
    const at = rest.lastIndexOf(':');
    const socket: Socket = net.connect(Number(rest.slice(at + 1)), rest.slice(0, at));
    socket.setNoDelay(true);
    return socket;
  }
  if (kind === 'serial') return openDevice(rest);
  throw new Error(
    `HEARTH_CHANNEL is ${JSON.stringify(address)}; it must be fd:3, unix:/path, tcp:host:port or serial:/dev/x`,
  );
}

/**
 * A character device, polled like a socket. File streams would do, but they leave a thread blocked in read(), and the process
 * could not exit before the host writes once more.
 */
function openDevice(path: string): Duplex {
  const fd = process.getBuiltinModule('node:fs').openSync(path, 'r+');
  const tty = process.getBuiltinModule('node:tty');
  if (tty.isatty(fd)) {
    const readable = new tty.ReadStream(fd);
    readable.setRawMode(true);
    return readable as unknown as Duplex;
  }
  return polled(fd);
}

/** Node refuses sockets of families that it does not know (vsock); for reading and writing they are like any other. */
function openDescriptor(fd: number): Duplex {
  const net = process.getBuiltinModule('node:net');
  try {
    return new net.Socket({ fd, readable: true, writable: true });
  } catch (error) {
    if (!(error instanceof TypeError && 'code' in error && error.code === 'ERR_INVALID_FD_TYPE')) throw error;
    return polled(fd);
  }
}

function polled(fd: number): Duplex {
  const { Pipe, constants } = (process as unknown as { binding(name: string): PipeBinding }).binding('pipe_wrap');
  const handle = new Pipe(constants.SOCKET);
  handle.open(fd);
  const net = process.getBuiltinModule('node:net');
  const options = { handle, readable: true, writable: true };
  return new net.Socket(options as unknown as ConstructorParameters<typeof net.Socket>[0]);
}

/** What of Node's own pipe is used: there is no public way to poll a device, or a socket of another family. */
interface PipeBinding {
  readonly Pipe: new (type: number) => { open(fd: number): void };
  readonly constants: { readonly SOCKET: number };
}

/** Frames to and from the host. The agent cannot live without it: when it ends, `onLost` is called. */
export class Channel {
  readonly writer = new FrameWriter();
  readonly #stream: Duplex;
  readonly #write: (bytes: Buffer) => boolean;
  /** What was written and has left the stream, the kernel has a copy of. */
  readonly #copies: boolean;
  #isFlushing = false;
  #isHeld = false;
  #unsent = 0;

  constructor(stream: Duplex, receive: FrameReceiver, onLost: () => void) {
    this.#stream = stream;
    this.#copies = stream instanceof process.getBuiltinModule('node:net').Socket;
    this.#write = stream.write.bind(stream) as (bytes: Buffer) => boolean;
    const reader = new FrameReader(receive);
    stream.on('data', (chunk: Buffer) => reader.push(chunk));
    stream.on('end', onLost);
    stream.on('close', onLost);
    stream.on('error', onLost);
  }

  /** Promises that what was written is sent when this turn of the event loop is over, or sooner. */
  flush(): void {
    if (++this.#unsent >= flushFrames) this.flushNow();
    else this.flushLater();
  }

  /** The same for what nobody waits for. */
  flushLater(): void {
    if (this.writer.bytes >= flushBytes) {
      this.flushNow();
      return;
    }
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    later(() => {
      this.#isFlushing = false;
      this.flushNow();
    });
  }

  /** Sends what there is, and nothing more until `release`: a snapshot must not have half a frame on its way. */
  hold(): void {
    this.flushNow();
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.flushLater();
  }

  flushNow(): void {
    if (this.#isHeld) return;
    this.#unsent = 0;
    const buffers = this.writer.take();
    if (buffers.length > 1) this.#stream.cork();
    for (const buffer of buffers) this.#write(buffer);
    if (buffers.length > 1) this.#stream.uncork();
    if (this.#copies && this.#stream.writableLength === 0) this.writer.recycle();
  }

  /** Sends everything that is left, then calls back, also when the host no longer reads. */
  finish(done: () => void): void {
    this.flushNow();
    const timer = startTimer(done, lastWordsMs);
    this.#stream.end(() => {
      cancelTimer(timer);
      done();
    });
  }
}
