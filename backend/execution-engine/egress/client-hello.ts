/** What the first message of TLS says about where it wants to go (RFC 8446, 4.1.2; names: RFC 6066, 3). */
export interface ClientHello {
  /** In lower case, without a dot at the end. Undefined: it names no host. */
  readonly serverName: string | undefined;
  /** It has Encrypted Client Hello (RFC 9849), real or as grease, which look the same: the name in the clear may not be the one that counts. */
  readonly isEncrypted: boolean;
  /** Data follow before the answer, and a second hello may come after them. */
  readonly hasEarlyData: boolean;
}

/** What is known after some bytes: the hello and its length on the wire, how many bytes there must be to know more, or that it is none. */
export type HelloReading =
  | { readonly hello: ClientHello; readonly length: number }
  | { readonly need: number }
  | 'malformed';

/** Most bytes of a hello on the wire, records and all. With keys against quantum computers one has 2 KB. */
export const maxHelloBytes = 16_384;

const recordHeaderBytes = 5;
const messageHeaderBytes = 4;
const handshakeRecord = 22;
const clientHelloMessage = 1;
const extensions = { serverName: 0, earlyData: 42, encryptedClientHello: 0xfe0d } as const;
const hostNamePattern = /^[a-z0-9_](?:[a-z0-9_.-]{0,252}[a-z0-9_])?$/;

/**
 * Reads the hello at the start of `bytes`, however it is cut into records. Strict, since a server that reads it otherwise would be asked for another
 * host than was checked: lengths that lie, names that come twice and bytes that are too many are malformed. Never throws, takes time linear in `bytes`.
 */
export function readClientHello(bytes: Buffer): HelloReading {
  const fragments: Buffer[] = [];
  let size = 0;
  for (let at = 0; ; ) {
    const fragment = fragmentAt(bytes, at);
    if (fragment === 'malformed' || 'need' in fragment) return fragment;
    fragments.push(fragment.content);
    size += fragment.content.length;
    const length = messageLength(fragments, size);
    if (length === 'malformed') return length;
    const missing = length - size;
    // The record has more than the message, or says that it will.
    if (missing < fragment.missing) return 'malformed';
    if (missing === 0) return readMessage(Buffer.concat(fragments), fragment.end);
    if (fragment.missing > 0) return { need: fragment.end };
    at = fragment.end;
  }
}

/** What there is of the content of the record at `at`, and how much of it has yet to come. */
function fragmentAt(
  bytes: Buffer,
  at: number,
):
  | { readonly content: Buffer; readonly end: number; readonly missing: number }
  | { readonly need: number }
  | 'malformed' {
  const start = at + recordHeaderBytes;
  if (bytes.length <= start) return needing(start + 1);
  const length = bytes.readUInt16BE(at + 3);
  if (bytes[at] !== handshakeRecord || bytes[at + 1] !== 3 || length === 0) return 'malformed';
  const end = start + length;
  if (end > maxHelloBytes) return 'malformed';
  return { content: bytes.subarray(start, Math.min(end, bytes.length)), end, missing: Math.max(0, end - bytes.length) };
}

/** Of the message that begins with these fragments, with its head; too large to say while that is not there. */
function messageLength(fragments: readonly Buffer[], size: number): number | 'malformed' {
  if (fragments[0]?.[0] !== clientHelloMessage) return 'malformed';
  if (size < messageHeaderBytes) return Number.MAX_SAFE_INTEGER;
  const length = messageHeaderBytes + Buffer.concat(fragments.slice(0, messageHeaderBytes)).readUIntBE(1, 3);
  return length > maxHelloBytes ? 'malformed' : length;
}

function needing(need: number): { readonly need: number } | 'malformed' {
  return need > maxHelloBytes ? 'malformed' : { need };
}

function readMessage(message: Buffer, length: number): HelloReading {
  try {
    return { hello: parseHello(new Cursor(message.subarray(messageHeaderBytes))), length };
  } catch {
    return 'malformed';
  }
}

/** Takes bytes from the front; throws where there are none left. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) throw new Error('it ends too early');
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  number(bytes: 1 | 2): number {
    return this.take(bytes).readUIntBE(0, bytes);
  }

  /** A vector of TLS: its length in so many bytes, then its content. */
  vector(lengthBytes: 1 | 2): Buffer {
    return this.take(this.number(lengthBytes));
  }
}

function parseHello(cursor: Cursor): ClientHello {
  // Version, random, session, cipher suites, compression.
  cursor.take(2 + 32);
  cursor.vector(1);
  cursor.vector(2);
  cursor.vector(1);
  const seen = new Map<number, Buffer>();
  if (!cursor.isAtEnd) {
    const list = new Cursor(cursor.vector(2));
    while (!list.isAtEnd) {
      const kind = list.number(2);
      if (seen.has(kind)) throw new Error('an extension comes twice');
      seen.set(kind, list.vector(2));
    }
    if (!cursor.isAtEnd) throw new Error('something follows the extensions');
  }
  const names = seen.get(extensions.serverName);
  return {
    serverName: names === undefined ? undefined : parseServerName(new Cursor(names)),
    isEncrypted: seen.has(extensions.encryptedClientHello),
    hasEarlyData: seen.has(extensions.earlyData),
  };
}

/** A list of exactly one name, which is the name of a host. */
function parseServerName(cursor: Cursor): string {
  const list = new Cursor(cursor.vector(2));
  if (!cursor.isAtEnd || list.number(1) !== 0) throw new Error('not a list of a host name');
  const name = list.vector(2).toString('latin1').toLowerCase().replace(/\.$/, '');
  if (!list.isAtEnd || !hostNamePattern.test(name)) throw new Error('not one host name');
  return name;
}
