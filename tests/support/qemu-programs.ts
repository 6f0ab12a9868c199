import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

const programs = ['qemu-system-x86_64', 'bwrap', 'mkfs.erofs', 'busybox'];

/** What QEMU emulates for tests that start it without the driver: the driver's own machine, with nothing in it yet. */
export const emulatedMachine = [
  ...['-machine', 'microvm,acpi=on,rtc=off,pit=off,pic=off,isa-serial=on', '-accel', 'tcg', '-cpu', 'max'],
  ...['-no-user-config', '-nodefaults', '-display', 'none', '-no-reboot'],
] as const;

/** Why no guest of QEMU can be made on this machine, or undefined. `more` programs may be needed. */
export function whyNoQemu(...more: readonly string[]): string | undefined {
  if (process.arch !== 'x64') return 'guests are for x86-64';
  const isThere = (name: string) => ['/usr/bin', '/usr/sbin'].some((place) => existsSync(join(place, name)));
  const missing = [...programs, ...more].filter((name) => !isThere(name));
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;
}

/** Why no images of guests can be made on this machine, or undefined; nothing is booted from them. */
export function whyNoGuestImages(): string | undefined {
  if (process.arch !== 'x64') return 'guests are for x86-64';
  if (spawnSync('mkfs.erofs', ['--help']).error !== undefined) return 'mkfs.erofs is not installed';
  if (statSync('/bin/busybox', { throwIfNoEntry: false }) === undefined) return 'busybox-static is not installed';
  return undefined;
}
