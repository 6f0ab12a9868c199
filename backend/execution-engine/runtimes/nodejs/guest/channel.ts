import type { Socket } from 'node:net';
import { type ChannelStream, DuplexStream, openPipe, PipeStream } from './channel-stream.ts';
import { cancelTimer, later, startTimer } from './originals.ts';
import { FrameReader, type FrameReceiver, FrameWriter } from './wire.ts';

const flushBytes = 262_144;
/** The host begins with these while the other calls of this turn are still being worked on. */
const flushFrames = 4;
/** How long a host that no longer reads can hold up the exit. */
const lastWordsMs = 1000;

/** Opens what HEARTH_CHANNEL names: `fd:3`, `unix:/path`, `tcp:host:port` or `serial:/dev/…`. `key` goes first, as a line of its own. */
export function openStream(address: string, key?: string): ChannelStream {
  const stream = openAddress(address);
  if (key !== undefined) stream.write([Buffer.from(`${key}\n`)]);
  return stream;
}

function openAddress(address: string): ChannelStream {
  const colon = address.indexOf(':');
  const kind = address.slice(0, colon);
  const rest = address.slice(colon + 1);
  if (kind === 'fd') return openDescriptor(Number(rest));
  if (kind === 'serial') return openDevice(rest);
  const net = process.getBuiltinModule('node:net');
  if (kind === 'unix') return new DuplexStream(net.connect(rest));
  if (kind === 'tcp') {
    const at = rest.lastIndexOf(':');
    const socket: Socket = net.connect(Number(rest.slice(at + 1)), rest.slice(0, at));
    socket.setNoDelay(true);
    return new DuplexStream(socket);
  }
  throw new Error(
    `HEARTH_CHANNEL is ${JSON.stringify(address)}; it must be fd:3, unix:/path, tcp:host:port or serial:/dev/x`,
  );
}

/**
 * A character device, polled like a socket. File streams would do, but they leave a thread blocked in read(), and the process
 * could not exit before the host writes once more.
 */
function openDevice(path: string): ChannelStream {
  const fd = process.getBuiltinModule('node:fs').openSync(path, 'r+');
  const tty = process.getBuiltinModule('node:tty');
  if (tty.isatty(fd)) {
    const readable = new tty.ReadStream(fd);
    readable.setRawMode(true);
    return new DuplexStream(readable);
  }
  return openDescriptor(fd);
}

/** Node's `net` refuses sockets of families that it does not know (vsock), and devices; for reading and writing they are like any other. */
function openDescriptor(fd: number): ChannelStream {
  try {
    return new PipeStream(openPipe(fd));
  } catch {
    return new DuplexStream(new (process.getBuiltinModule('node:net').Socket)({ fd, readable: true, writable: true }));
  }
}

/** Frames to and from the host. The agent cannot live without it: when it ends, `onLost` is called. */
export class Channel {
  readonly writer = new FrameWriter();
  readonly #stream: ChannelStream;
  #isFlushing = false;
  #isHeld = false;
  #unsent = 0;

  constructor(stream: ChannelStream, receive: FrameReceiver, onLost: () => void) {
    this.#stream = stream;
    const reader = new FrameReader(receive);
    stream.begin((chunk) => reader.push(chunk), onLost);
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
    if (this.#stream.write(this.writer.take())) this.writer.recycle();
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
