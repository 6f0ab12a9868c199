/** One member of an initial RAM disk. Owner is always root, time always the epoch: the same members make the same bytes. */
export type CpioEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'device';
      readonly path: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly bytes: Buffer };

/** File types of stat(2), S_IFMT. */
const types = { directory: 0o040000, symlink: 0o120000, device: 0o020000, file: 0o100000 } as const;
const align = 4;

/** The archive in the format "newc" (Documentation/driver-api/early-userspace/buffer-format.rst). Archives may follow one another. */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.flatMap((entry, index) => member(entry, index + 1));
  parts.push(...record({ inode: 0, mode: 0, major: 0, minor: 0, path: 'TRAILER!!!', bytes: Buffer.alloc(0) }));
  return Buffer.concat(parts);
}

function member(entry: CpioEntry, inode: number): readonly Buffer[] {
  const { kind, path } = entry;
  const bytes = kind === 'file' ? entry.bytes : kind === 'symlink' ? Buffer.from(entry.target) : Buffer.alloc(0);
  const permissions = kind === 'directory' ? 0o755 : kind === 'symlink' ? 0o777 : entry.mode;
  const { major, minor } = kind === 'device' ? entry : { major: 0, minor: 0 };
  return record({ inode, mode: types[kind] | permissions, major, minor, path, bytes });
}

function record(fields: {
  readonly inode: number;
  readonly mode: number;
  readonly major: number;
  readonly minor: number;
  readonly path: string;
  readonly bytes: Buffer;
}): readonly Buffer[] {
  const name = Buffer.from(`${fields.path}\0`);
  const numbers = [
    ...[fields.inode, fields.mode, 0, 0, 1, 0, fields.bytes.length, 0, 0],
    ...[fields.major, fields.minor, name.length, 0],
  ];
  const head = Buffer.concat([
    Buffer.from(`070701${numbers.map((value) => value.toString(16).padStart(8, '0')).join('')}`, 'latin1'),
    name,
  ]);
  return [head, padding(head.length), fields.bytes, padding(fields.bytes.length)];
}

function padding(length: number): Buffer {
  return Buffer.alloc((align - (length % align)) % align);
}
