import { createReadStream } from 'node:fs';
import { PlatformError } from '../../../../shared/errors.ts';

/** One member of an archive. Owner is always root, time always the epoch: the same files make the same bytes. */
export type TarEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | { readonly kind: 'bytes'; readonly path: string; readonly mode: number; readonly bytes: Buffer }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly mode: number;
      readonly hostPath: string;
      readonly sizeBytes: number;
    }
  /** Made while it is read, so that large parts need not be in memory; it must yield exactly so many bytes. */
  | {
      readonly kind: 'stream';
      readonly path: string;
      readonly mode: number;
      readonly sizeBytes: number;
      readonly open: () => AsyncIterable<Buffer>;
    };

/** POSIX.1-1988 ustar with pax headers (POSIX.1-2001) for paths that do not fit. */
const blockBytes = 512;
const maxNameBytes = 100;
const readBytes = 1024 * 1024;
const typeFlags = { file: '0', bytes: '0', stream: '0', symlink: '2', directory: '5', pax: 'x' } as const;

/** The archive, piece by piece, in the order given. Rejects when a file is not as long as its entry says. */
export async function* writeTar(entries: Iterable<TarEntry>): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    const sizeBytes = sizeOf(entry);
    yield headerOf(entry, sizeBytes);
    if (entry.kind === 'bytes') yield entry.bytes;
    else if (entry.kind === 'file')
      yield* exactly(entry, createReadStream(entry.hostPath, { highWaterMark: readBytes }));
    else if (entry.kind === 'stream') yield* exactly(entry, entry.open());
    const padding = (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
    if (padding > 0) yield Buffer.alloc(padding);
  }
  yield Buffer.alloc(2 * blockBytes);
}

function sizeOf(entry: TarEntry): number {
  if (entry.kind === 'bytes') return entry.bytes.length;
  return entry.kind === 'file' || entry.kind === 'stream' ? entry.sizeBytes : 0;
}

async function* exactly(
  entry: Extract<TarEntry, { kind: 'file' | 'stream' }>,
  source: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  let seen = 0;
  for await (const chunk of source) {
    seen += chunk.length;
    if (seen > entry.sizeBytes) break;
    yield chunk;
  }
  if (seen === entry.sizeBytes) return;
  const message = `${entry.path} changed while the image was made; do not update the runtime meanwhile, and try again`;
  throw new PlatformError('unavailable', 'runtime_file_changed', message);
}

function headerOf(entry: TarEntry, sizeBytes: number): Buffer {
  const path = entry.kind === 'directory' ? `${entry.path.replace(/\/$/, '')}/` : entry.path;
  const target = entry.kind === 'symlink' ? entry.target : '';
  const mode = entry.kind === 'symlink' ? 0o777 : entry.mode;
  const flag = typeFlags[entry.kind];
  const records = [
    ...(Buffer.byteLength(path) > maxNameBytes ? [paxRecord('path', path)] : []),
    ...(Buffer.byteLength(target) > maxNameBytes ? [paxRecord('linkpath', target)] : []),
  ];
  const header = block({ path, mode, sizeBytes, flag, target });
  if (records.length === 0) return header;
  const body = Buffer.concat(records);
  const padding = Buffer.alloc((blockBytes - (body.length % blockBytes)) % blockBytes);
  const pax = block({ path: 'pax', mode: 0o644, sizeBytes: body.length, flag: typeFlags.pax, target: '' });
  return Buffer.concat([pax, body, padding, header]);
}

function block(fields: { path: string; mode: number; sizeBytes: number; flag: string; target: string }): Buffer {
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, offset: number, length: number): void => {
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  };
  Buffer.from(fields.path).copy(header, 0, 0, maxNameBytes);
  octal(fields.mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(fields.sizeBytes, 124, 12);
  octal(0, 136, 12);
  header.write(fields.flag, 156, 'latin1');
  Buffer.from(fields.target).copy(header, 157, 0, maxNameBytes);
  header.write('ustar\0' + '00', 257, 'latin1');
  // The checksum counts its own field as spaces.
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest);
  while (String(length).length + Buffer.byteLength(rest) !== length)
    length = String(length).length + Buffer.byteLength(rest);
  return Buffer.from(`${length}${rest}`);
}
