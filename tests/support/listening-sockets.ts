import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { platformTree, readProcess } from './process-tree.ts';
import { pidsOfHost } from './sandbox-traces.ts';

/** Something of this host's network that takes connections or packets. */
export interface Listener {
  /** Of the socket; a number is not given to another one while it is there. */
  readonly inode: string;
  /** `tcp 0100007F:1F90`, address and port as /proc/net shows them, or `unix /path`, with @ for an abstract name. */
  readonly address: string;
}

/** States of proc(5): TCP_LISTEN, and for sockets without connections TCP_CLOSE, which is not connected to a peer. */
const tables = { tcp: '0A', tcp6: '0A', udp: '07', udp6: '07', raw: '07', raw6: '07' } as const;

/** All sockets of this network namespace that listen. */
export function listeners(): readonly Listener[] {
  const ofInternet = Object.entries(tables).flatMap(([protocol, listening]) =>
    rowsOf(protocol)
      .filter(([, , , state]) => state === listening)
      .map((fields) => ({ address: `${protocol} ${fields[1]}`, inode: fields[9] ?? '' })),
  );
  // __SO_ACCEPTCON of the kernel's net.h.
  const ofUnix = rowsOf('unix')
    .filter(([, , , flags]) => (Number.parseInt(flags ?? '', 16) & 0x10000) !== 0)
    .map((fields) => ({ address: `unix ${fields[7] ?? ''}`, inode: fields[6] ?? '' }));
  const ofPackets = rowsOf('packet').map((fields) => ({ address: 'packet', inode: fields.at(-1) ?? '' }));
  return [...ofInternet, ...ofUnix, ...ofPackets];
}

/**
 * Those that were not there before, with who holds them, as `address (pid name, …)`. Other programs of a host that is shared listen and stop as they like:
 * what is held only by processes outside this one's tree is theirs, unless such a process has lost its parent, as one does that
 * gets away from where it was started, or nobody seems to hold it.
 */
export function listenersSince(before: readonly Listener[]): readonly string[] {
  const known = new Set(before.map(({ inode }) => inode));
  const fresh = listeners().filter(({ inode }) => !known.has(inode));
  if (fresh.length === 0) return [];
  const holders = holdersOf(new Set(fresh.map(({ inode }) => inode)));
  const own = new Set(platformTree(process.pid).map(({ pid }) => pid));
  return fresh.flatMap(({ inode, address }) => {
    const pids = holders.get(inode) ?? [];
    const isTheirs = pids.length > 0 && pids.every((pid) => !own.has(pid) && parentOf(pid) > 1);
    return isTheirs
      ? []
      : [`${address} (${pids.map((pid) => `${pid} ${readProcess(pid, 'comm').toString().trim()}`).join(', ')})`];
  });
}

function rowsOf(protocol: string): readonly (readonly string[])[] {
  try {
    const lines = readFileSync(`/proc/net/${protocol}`, 'utf8').trim().split('\n').slice(1);
    return lines.map((line) => line.trim().split(/\s+/));
  } catch {
    // A kernel without this family.
    return [];
  }
}

const parentOf = (pid: number): number =>
  Number(/^PPid:\s+(\d+)/m.exec(readProcess(pid, 'status').toString())?.[1] ?? 0);

/** Which processes have a descriptor of these sockets. */
function holdersOf(inodes: ReadonlySet<string>): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>();
  for (const pid of pidsOfHost()) {
    for (const inode of socketsOf(pid)) if (inodes.has(inode)) found.set(inode, [...(found.get(inode) ?? []), pid]);
  }
  return found;
}

function socketsOf(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).flatMap((name) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${name}`))?.[1] ?? [];
      } catch {
        // Closed meanwhile.
        return [];
      }
    });
  } catch {
    // It ended meanwhile.
    return [];
  }
}
