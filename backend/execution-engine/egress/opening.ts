import type { Duplex } from 'node:stream';

/** What a program speaks in a tunnel, judged by what it says first. */
type Opening = 'tls' | 'http' | 'other';

// biome-ignore lint/suspicious/noControlCharactersInRegex: bytes that no line of a request has are what is looked for.
const notInLine = /[\x00-\x08\x0a-\x0c\x0e-\x1f\x7f]/;
/** So many bytes tell TLS from the rest. */
const firstBytes = 4;
/** Pieces that wait for more before they are put together. */
const maxPieces = 64;

/** More than the line of a request that servers take; what goes on longer is none. */
const maxLineBytes = 16_384;

/**
 * Of one byte or more. Undefined: too little to tell. TLS is a handshake record, or a hello in the form of SSL 2, which names no host. HTTP is a first line
 * that speaks of it, well-formed or not, and no HTTP/2: that has its host in a form that is not looked into.
 */
function openingOf(bytes: Buffer): Opening | undefined {
  const first = bytes[0] as number;
  if (first === 0x16) return 'tls';
  if (first >= 0x80) {
    if (bytes.length < firstBytes) return undefined;
    return bytes[2] === 1 && bytes[3] === 3 ? 'tls' : 'other';
  }
  // Servers overlook empty lines in front of a request.
  const text = bytes.toString('latin1', 0, maxLineBytes).replace(/^[\r\n]+/, '');
  const end = text.indexOf('\n');
  const line = end < 0 ? text : text.slice(0, end);
  if (notInLine.test(line)) return 'other';
  if (end < 0) return bytes.length < maxLineBytes ? undefined : 'other';
  return /[ \t]HTTP\/\d/i.test(line) && !line.startsWith('PRI * HTTP/2') ? 'http' : 'other';
}

/**
 * Listens until it is clear what the program speaks, and puts back what was read. `rest` is what it had said when it ended before that; nothing is
 * put back then. Never rejects; never resolves when the connection is destroyed first.
 */
export function listenTo(connection: Duplex): Promise<{ readonly opening: Opening; readonly rest?: Buffer }> {
  const { promise, resolve } = Promise.withResolvers<{ readonly opening: Opening; readonly rest?: Buffer }>();
  let pieces: Buffer[] = [];
  let heardBytes = 0;
  let hasLine = false;
  const heard = (): Buffer => {
    const all = Buffer.concat(pieces);
    pieces = [all];
    return all;
  };
  /** Whoever says little at a time costs no more than what is said: all of it is looked at only when a piece can have made a difference. */
  const tells = (piece: Buffer): boolean => {
    const text = piece.toString('latin1');
    const isBlank = !hasLine && /^[\r\n]*$/.test(text);
    hasLine ||= !isBlank;
    if (heardBytes - piece.length < firstBytes || heardBytes >= maxLineBytes) return true;
    return !isBlank && notInLine.test(text);
  };
  const onReadable = (): void => {
    let mayTell = false;
    for (let piece = connection.read() as Buffer | null; piece !== null; piece = connection.read() as Buffer | null) {
      if (pieces.push(piece) > maxPieces) heard();
      heardBytes += piece.length;
      if (tells(piece)) mayTell = true;
    }
    const opening = mayTell ? openingOf(heard()) : undefined;
    if (opening === undefined) return;
    stop();
    connection.unshift(heard());
    resolve({ opening });
  };
  const onEnd = (): void => {
    stop();
    resolve({ opening: 'other', rest: heard() });
  };
  const stop = (): void => {
    connection.off('readable', onReadable);
    connection.off('end', onEnd);
  };
  connection.on('readable', onReadable);
  connection.on('end', onEnd);
  return promise;
}
