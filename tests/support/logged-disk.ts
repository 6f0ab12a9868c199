import {
  closeSync,
  constants,
  copyFileSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

/** Sizes and flags of Documentation/admin-guide/device-mapper/log-writes.rst, which QEMU's block driver `blklogwrites` follows. */
const sectorBytes = 512;
const flag = { flush: 1, forcedUnitAccess: 2, discard: 4 } as const;

/** What became of the disk's writes in one cut. */
export interface CutWrites {
  readonly kept: number;
  /** They had reached the disk's cache, and were never flushed. */
  readonly lost: number;
}

interface LogEntry {
  readonly sector: number;
  readonly flags: number;
  readonly bytes: Buffer;
}

/**
 * A disk of an emulated machine that has a cache and loses it with the power: of the writes after the last flush an arbitrary part is gone. QEMU writes down
 * everything that the machine asks of the disk; after a cut the disk is made again from that.
 */
export class LoggedDisk {
  readonly path: string;
  readonly #before: string;
  readonly #log: string;

  /** An empty disk at `path`, with two files of its own beside it. */
  constructor(path: string, sizeBytes: number) {
    this.path = path;
    this.#before = `${path}.before`;
    this.#log = `${path}.log`;
    const file = openSync(path, 'w');
    ftruncateSync(file, sizeBytes);
    closeSync(file);
  }

  /** QEMU's options for one run of the machine, after which `cut` must come. */
  plug(): readonly string[] {
    copyFileSync(this.path, this.#before, constants.COPYFILE_FICLONE);
    // Empty: what an earlier run wrote must not look like a part of this one.
    writeFileSync(this.#log, '');
    const files = `file.driver=file,file.filename=${this.path},log.driver=file,log.filename=${this.#log}`;
    return ['-drive', `if=none,id=logged,driver=blklogwrites,${files}`, '-device', 'virtio-blk-device,drive=logged'];
  }

  /** Puts on the disk what it keeps when the power goes: all up to the last flush, and of each write after that by chance. QEMU must be gone. */
  cut(): CutWrites {
    const entries = [...entriesOf(readFileSync(this.#log))];
    const flushed = entries.findLastIndex(({ flags }) => (flags & flag.flush) !== 0);
    const isKept = ({ flags }: LogEntry, index: number): boolean =>
      index <= flushed || (flags & flag.forcedUnitAccess) !== 0 || Math.random() < 0.5;
    const kept = entries.filter(isKept);
    copyFileSync(this.#before, this.path, constants.COPYFILE_FICLONE);
    const file = openSync(this.path, 'r+');
    for (const { sector, bytes } of kept) writeSync(file, bytes, 0, bytes.length, sector * sectorBytes);
    closeSync(file);
    return { kept: kept.length, lost: entries.length - kept.length };
  }
}

/** In the order in which the disk got them, up to the end of the log, which may be in the middle of one. */
function* entriesOf(log: Buffer): Generator<LogEntry> {
  for (let at = sectorBytes; at + sectorBytes <= log.length; ) {
    const [sector = 0, sectors = 0, flags = 0] = [0, 8, 16].map((offset) => Number(log.readBigUInt64LE(at + offset)));
    if (sectors === 0 && flags === 0) return;
    const start = at + sectorBytes;
    const end = (flags & flag.discard) === 0 ? start + sectors * sectorBytes : start;
    if (end > log.length) return;
    yield { sector, flags, bytes: log.subarray(start, end) };
    at = end;
  }
}
