import { Socket } from 'node:net';

/** What one read can bring; the size that Node itself reads with. */
const readBytes = 65_536;

/** Every read of every connection goes here: what is kept of it has to be copied before the callback returns. */
const shared = Buffer.allocUnsafeSlow(readBytes);

type OnBytes = (count: number, buffer: Uint8Array) => boolean;
type Fields = Record<symbol, unknown>;

interface ReadFields {
  readonly buffer: symbol;
  readonly callback: symbol;
}

/** Where a socket made with Node's own option `onread` keeps what it was given. */
function findReadFields(): ReadFields | undefined {
  const buffer = Buffer.alloc(1);
  const callback: OnBytes = () => true;
  const sample = new Socket({ onread: { buffer, callback } });
  const fields = sample as unknown as Fields;
  const holding = (value: unknown): symbol | undefined =>
    Object.getOwnPropertySymbols(fields).find((name) => fields[name] === value);
  const found = { buffer: holding(buffer), callback: holding(callback) };
  sample.destroy();
  if (found.buffer === undefined || found.callback === undefined) return undefined;
  return { buffer: found.buffer, callback: found.callback };
}

const readFields = findReadFields();

/** What of a socket's inner half is used. */
type Handle = Readonly<Record<string, ((buffer: Uint8Array) => void) | undefined>>;

/** The reads of one connection, which arrive in memory that all connections share. */
export interface SharedReads {
  /** From now on the socket is a stream like any other. */
  toStream(): void;
}

/**
 * Has an accepted socket read into one shared buffer and call `receive` instead of emitting `data`. A read otherwise makes 64 KiB of
 * memory, cuts it down to what came and leaves the rest to the garbage collector: a fifth of what a small request costs. Node offers
 * this as `onread` to whoever makes a socket, but not to servers; so the same fields are set. Undefined when this Node keeps them elsewhere:
 * then use `data`. `bytes` is only valid during the call.
 */
export function readShared(socket: Socket, receive: (bytes: Buffer) => void): SharedReads | undefined {
  const handle = (socket as unknown as { readonly _handle?: Handle })._handle;
  const readInto = handle?.['useUserBuffer'];
  if (readFields === undefined || readInto === undefined) return undefined;
  const fields = socket as unknown as Fields;
  const setCallback = (callback: OnBytes): void => {
    fields[readFields.callback] = callback;
  };
  readInto.call(handle, shared);
  fields[readFields.buffer] = shared;
  setCallback((count) => {
    receive(shared.subarray(0, count));
    return true;
  });
  return { toStream: () => setCallback((count) => socket.push(Buffer.from(shared.subarray(0, count)))) };
}
