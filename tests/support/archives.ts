import { crc32, deflateRawSync, gzipSync } from 'node:zlib';

/** One entry of a crafted archive; every header field that an attacker may choose can be chosen here. */
export interface CraftedEntry {
  readonly name: string | Buffer;
  readonly content?: Buffer | string;
  /** Unix mode with type bits, for example 0o120777 for a link (zip); `type` decides in tar. */
  readonly mode?: number;
  /** Size that the headers claim, when it should differ from the truth (zip). */
  readonly claimedBytes?: number;
  /** Type flag of a tar header; '0' is a file. */
  readonly type?: string;
  readonly linkName?: string;
  /** What stands in place of the mode (tar). */
  readonly modeField?: string;
  /** The system that it was packed on, 3 for Unix; and its flags, of which bit 0 says that it is encrypted (zip). */
  readonly madeOn?: number;
  readonly flags?: number;
}

/** A .zip with exactly these entries, without any of the checks that a packer would make. */
export function craftZip(entries: readonly CraftedEntry[]): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const content = Buffer.from(entry.content ?? '');
    const packed = deflateRawSync(content);
    const size = entry.claimedBytes ?? content.length;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt16LE(entry.flags ?? 0x0800, 6);
    local.writeUInt16LE(8, 8);
    local.writeUInt32LE(crc32(content), 14);
    local.writeUInt32LE(packed.length, 18);
    local.writeUInt32LE(size, 22);
    local.writeUInt16LE(name.length, 26);
    const header = Buffer.alloc(46);
    header.writeUInt32LE(0x02014b50, 0);
    header.writeUInt16LE(((entry.madeOn ?? 3) << 8) | 20, 4);
    header.writeUInt16LE(20, 6);
    local.copy(header, 8, 6, 30);
    header.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 38);
    header.writeUInt32LE(offset, 42);
    locals.push(local, name, packed);
    central.push(header, name);
    offset += local.length + name.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** A .tar.gz with exactly these entries. Names are at most 100 bytes. */
export function craftTarGz(entries: readonly CraftedEntry[]): Buffer {
  const blocks: Buffer[] = [];
  for (const entry of entries) {
    const content = Buffer.from(entry.content ?? '');
    const header = Buffer.alloc(512);
    Buffer.from(entry.name).copy(header, 0, 0, 100);
    header.write(entry.modeField ?? ((entry.mode ?? 0o644) & 0o7777).toString(8).padStart(7, '0'), 100);
    header.write('0000000', 108);
    header.write('0000000', 116);
    header.write(content.length.toString(8).padStart(11, '0'), 124);
    header.write('00000000000', 136);
    header.write(entry.type ?? '0', 156);
    header.write(entry.linkName ?? '', 157);
    header.write('ustar\u000000', 257);
    header.fill(0x20, 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    blocks.push(header, content, Buffer.alloc((512 - (content.length % 512)) % 512));
  }
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}
