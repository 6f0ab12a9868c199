import {
  closeSync,
  type Dirent,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { PlatformError } from '../../../../shared/errors.ts';
import type { PlanMount } from '../../../core/ports/runtime-adapter.ts';
import { findSharedLibraries } from './shared-libraries.ts';
import type { TarEntry } from './tar.ts';

/** Mount points and directories that must be there, since nothing can be made in a read-only root. */
const skeleton = [
  'app',
  'dev',
  'etc',
  'hearth',
  'proc',
  'run',
  'run/hearth',
  'sys',
  'tmp',
  'usr',
  'usr/bin',
  'usr/lib',
];
/** Where the driver puts the control channel; a directory of the image, so that it can be a mount point. */
export const guestChannelDirectory = '/run/hearth';
/** The user of an image that is started by hand; the driver gives each sandbox its own id. */
export const imageUserId = 65_532;
const etcFiles: Readonly<Record<string, string>> = {
  passwd: passwdFor(imageUserId),
  group: `sandbox:x:${imageUserId}:\n`,
  hosts: '127.0.0.1 localhost sandbox\n::1 localhost sandbox\n',
  hostname: 'sandbox\n',
  'resolv.conf': '',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
};
/** Parts of an interpreter's library that functions do not use: its own tests, graphical programs, static libraries. */
const leftOut = /^(test|idlelib|turtledemo|tkinter|ensurepip|config-[^/]+|.*\/tests?)$/;
const anyMayExecute = 0o111;

export function passwdFor(userId: number): string {
  return `sandbox:x:${userId}:${userId}:sandbox:/tmp:/usr/sbin/nologin\n`;
}

/**
 * The files of a runtime's layer: the toolchain, the shared libraries that it and the agent need, and a skeleton; nothing else of the host. Sorted by
 * path, so that the same host makes the same layer.
 */
export async function runtimeEntries(toolchain: readonly PlanMount[], agent: PlanMount): Promise<readonly TarEntry[]> {
  const entries = new Map<string, TarEntry>();
  const programs: string[] = isElf(resolveInput(agent.hostPath)) ? [resolveInput(agent.hostPath)] : [];
  for (const path of skeleton) addDirectory(entries, path);
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) addTopLink(entries, name);
  for (const [name, text] of Object.entries(etcFiles)) {
    add(entries, { kind: 'bytes', path: `etc/${name}`, mode: 0o444, bytes: Buffer.from(text) });
  }
  for (const mount of toolchain) {
    const hostPath = resolveInput(mount.hostPath);
    if (statSync(hostPath).isDirectory()) addTree(entries, programs, hostPath, inside(mount.guestPath));
    else {
      add(entries, fileEntry(hostPath, inside(mount.guestPath)));
      if (isElf(hostPath)) programs.push(hostPath);
    }
  }
  for (const library of await findSharedLibraries(programs)) {
    const path = inside(library.guestPath);
    if (!entries.has(path)) add(entries, fileEntry(library.hostPath, path));
  }
  return sorted(entries);
}

/** The files of the layer on top: the agent, alone, so that a changed agent does not change the large layer. */
export function agentEntries(agent: PlanMount): readonly TarEntry[] {
  const entries = new Map<string, TarEntry>();
  add(entries, fileEntry(resolveInput(agent.hostPath), inside(agent.guestPath)));
  return sorted(entries);
}

/** Cheap enough for every start: what the inputs are now. Two plans with the same key make the same image. */
export function inputKey(mounts: readonly PlanMount[]): string {
  return mounts
    .map(({ hostPath, guestPath }) => `${guestPath}\0${fileKey(resolveInput(hostPath), hostPath)}`)
    .join('\n');
}

/** Changes when another file is there, or it was written to; empty when there is none. */
export function fileKey(path: string, name = path): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? '' : `${name}\0${stat.dev}\0${stat.ino}\0${stat.size}\0${stat.mtimeMs}`;
}

function resolveInput(path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    const message = `${path} is missing; install the runtime again, or build the agents (npm run build)`;
    throw new PlatformError('unavailable', 'runtime_file_missing', message, { cause });
  }
}

function inside(guestPath: string): string {
  return guestPath.replace(/^\/+/, '');
}

/** Adds an entry and the directories above it; through the links at the top (lib -> usr/lib) it goes to the real place. */
function add(entries: Map<string, TarEntry>, entry: TarEntry): void {
  const top = entry.path.split('/', 1)[0] ?? '';
  const link = entries.get(top);
  const path = link?.kind === 'symlink' && entry.path !== top ? link.target + entry.path.slice(top.length) : entry.path;
  const parent = dirname(path);
  if (parent !== '.') addDirectory(entries, parent);
  entries.set(path, { ...entry, path });
}

function addDirectory(entries: Map<string, TarEntry>, path: string): void {
  if (entries.has(path)) return;
  // runc gives the tmpfs that covers /tmp the mode of the directory below it, whatever was asked for.
  add(entries, { kind: 'directory', path, mode: path === 'tmp' ? 0o1777 : 0o755 });
}

/** /lib -> usr/lib and so on, where the host has merged them: programs name their loader by that path. */
function addTopLink(entries: Map<string, TarEntry>, name: string): void {
  if (lstatSync(`/${name}`, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return;
  const target = readlinkSync(`/${name}`).replace(/^\//, '');
  addDirectory(entries, target);
  entries.set(name, { kind: 'symlink', path: name, target });
}

function addTree(entries: Map<string, TarEntry>, programs: string[], from: string, to: string): void {
  addDirectory(entries, to);
  const visit = (below: string): void => {
    for (const item of readdirSync(join(from, below), { withFileTypes: true })) {
      const relative = below === '' ? item.name : `${below}/${item.name}`;
      if (!item.isDirectory())
        addLeaf(entries, programs, item, { hostPath: join(from, relative), path: `${to}/${relative}` });
      else if (!leftOut.test(relative)) {
        addDirectory(entries, `${to}/${relative}`);
        visit(relative);
      }
    }
  };
  visit('');
}

function addLeaf(
  entries: Map<string, TarEntry>,
  programs: string[],
  item: Dirent,
  { hostPath, path }: { readonly hostPath: string; readonly path: string },
): void {
  if (item.isSymbolicLink()) add(entries, { kind: 'symlink', path, target: readlinkSync(hostPath) });
  if (!item.isFile()) return;
  add(entries, item.name.endsWith('.pyc') ? compiledEntry(hostPath, path) : fileEntry(hostPath, path));
  if (/\.so(\.\d+)*$/.test(item.name)) programs.push(hostPath);
}

function fileEntry(hostPath: string, path: string): TarEntry {
  const stat = statSync(hostPath);
  const mode = (stat.mode & anyMayExecute) === 0 ? 0o444 : 0o555;
  return { kind: 'file', path, mode, hostPath, sizeBytes: stat.size };
}

/**
 * Compiled Python. It names the time of its source, and all times in an image are the epoch; so it is marked as one that is not compared
 * with its source (PEP 552, "unchecked"): header = 4 bytes magic, 4 bytes flags (1 = hash-based, unchecked), 8 bytes hash.
 */
function compiledEntry(hostPath: string, path: string): TarEntry {
  const bytes = readFileSync(hostPath);
  if (bytes.length >= 16) {
    bytes.writeUInt32LE(1, 4);
    bytes.fill(0, 8, 16);
  }
  return { kind: 'bytes', path, mode: 0o444, bytes };
}

function sorted(entries: ReadonlyMap<string, TarEntry>): readonly TarEntry[] {
  return [...entries.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

/** ELF files begin with 0x7f 'ELF' (elf(5)); ldd complains about anything else. */
function isElf(path: string): boolean {
  const descriptor = openSync(path, 'r');
  try {
    const magic = Buffer.alloc(4);
    readSync(descriptor, magic, 0, 4, 0);
    return magic.toString('latin1') === '\x7fELF';
  } finally {
    closeSync(descriptor);
  }
}
