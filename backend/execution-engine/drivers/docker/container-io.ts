import { readFileSync } from 'node:fs';
import type { IoUsage } from '../../../core/ports/sandbox.ts';
import type { ContainerStats } from './engine/engine-types.ts';

/** What a container has moved, from files of this host. `diskFile` is io.stat or blkio.throttle.io_service_bytes of its control group. */
export function ioFromFiles(pid: number, diskFile: string | undefined): IoUsage {
  const network = parseNetDev(readQuietly(`/proc/${pid}/net/dev`));
  const disk = parseDisk(diskFile === undefined ? '' : readQuietly(diskFile));
  return { ...network, ...disk };
}

/** The same from the daemon's statistics. */
export function ioFromStats(stats: ContainerStats): IoUsage {
  const networks = Object.values(stats.networks ?? {});
  const disk = stats.blkio_stats?.io_service_bytes_recursive ?? [];
  const moved = (name: string) =>
    disk.filter(({ op }) => op.toLowerCase() === name).reduce((sum, { value }) => sum + value, 0);
  return {
    networkReceivedBytes: networks.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0),
    networkSentBytes: networks.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0),
    diskReadBytes: moved('read'),
    diskWrittenBytes: moved('write'),
  };
}

/** Lines `name: received packets … sent …` (proc_net(5)): field 0 and field 8. */
export function parseNetDev(text: string): Pick<IoUsage, 'networkReceivedBytes' | 'networkSentBytes'> {
  let networkReceivedBytes = 0;
  let networkSentBytes = 0;
  for (const [, name, numbers] of text.matchAll(/^\s*([^\s:]+):\s*(.*)$/gm)) {
    if (name === 'lo') continue;
    const fields = (numbers ?? '').split(/\s+/).map(Number);
    networkReceivedBytes += fields[0] ?? 0;
    networkSentBytes += fields[8] ?? 0;
  }
  return { networkReceivedBytes, networkSentBytes };
}

/** Version 2: `8:0 rbytes=1 wbytes=2 …`; version 1: `8:0 Read 1` and `8:0 Write 2`, one per line. */
export function parseDisk(text: string): Pick<IoUsage, 'diskReadBytes' | 'diskWrittenBytes'> {
  const sum = (pattern: RegExp) => [...text.matchAll(pattern)].reduce((total, [, bytes]) => total + Number(bytes), 0);
  return {
    diskReadBytes: sum(/(?:\brbytes=|^\d+:\d+ Read )(\d+)/gm),
    diskWrittenBytes: sum(/(?:\bwbytes=|^\d+:\d+ Write )(\d+)/gm),
  };
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The kernel has no such statistics, or the container is ending.
    return '';
  }
}
