import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

const programs = ['qemu-system-x86_64', 'bwrap', 'mkfs.erofs', 'busybox'];

/** Why no guest of QEMU can be made on this machine, or undefined. */
export function whyNoQemu(): string | undefined {
  if (process.arch !== 'x64') return 'guests are for x86-64';
  const missing = programs.filter((name) => !existsSync(join('/usr/bin', name)));
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;
}

/** Why no images of guests can be made on this machine, or undefined; nothing is booted from them. */
export function whyNoGuestImages(): string | undefined {
  if (process.arch !== 'x64') return 'guests are for x86-64';
  if (spawnSync('mkfs.erofs', ['--help']).error !== undefined) return 'mkfs.erofs is not installed';
  if (statSync('/bin/busybox', { throwIfNoEntry: false }) === undefined) return 'busybox-static is not installed';
  return undefined;
}
