import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Faults } from '../fixtures/firecracker/main.ts';
import { whyNoSpec } from './firecracker-spec.ts';

const program = join(import.meta.dirname, '../fixtures/firecracker/main.ts');
/** Unpacked root images are big; all tests share them. */
const cacheDirectory = join(tmpdir(), 'hearth-fake-firecracker');

/** What is to go wrong; the version is 1.16.0 unless given. */
export type FakeFaults = Partial<Omit<Faults, 'cacheDirectory'>>;

/** Why a platform cannot run functions in a fake Firecracker here, or undefined. */
export function whyNoFakeFirecracker(): string | undefined {
  if (process.getuid?.() !== 0) return 'the jailer needs root';
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return 'the probe opens /dev/kvm, which is not there';
  }
  return whyNoSpec();
}

/** Programs that behave as Firecracker and its jailer do, in a directory of their own below `directory`. */
export function installFakeFirecracker(
  directory: string,
  { version = '1.16.0', ...faults }: FakeFaults = {},
): { readonly firecrackerPath: string; readonly jailerPath: string } {
  mkdirSync(cacheDirectory, { recursive: true });
  // Every user that a jail gives its Firecracker unpacks there.
  chmodSync(cacheDirectory, 0o1777);
  const place = mkdtempSync(join(directory, 'programs-'));
  const install = (name: string, shownName: string): string => {
    const path = join(place, name);
    const words = [process.execPath, program, name, JSON.stringify({ ...faults, version, cacheDirectory })];
    // Asked for often: Node.js takes a second to start on a busy machine.
    const answer = `if [ "$*" = --version ]; then echo '${shownName} v${version}'; exit; fi`;
    const command = `exec ${words.map((word) => `'${word}'`).join(' ')} "$@"`;
    // The jailer closes what it was not meant to have (Firecracker, docs/jailer.md); 255 is bash's own, and not passed on.
    const close =
      'for fd in /proc/$$/fd/*; do n=${fd##*/}; if [ "$n" -gt 2 ] && [ "$n" != 255 ]; then eval "exec $n>&-"; fi; done';
    const steps = name === 'jailer' ? [answer, close, command] : [answer, command];
    writeFileSync(path, `#!/bin/bash\n${steps.join('\n')}\n`, { mode: 0o755 });
    return path;
  };
  return { firecrackerPath: install('firecracker', 'Firecracker'), jailerPath: install('jailer', 'Jailer') };
}

/** The settings of a platform that takes such programs for Firecracker and its jailer. */
export function fakeFirecrackerEnvironment(directory: string): Readonly<Record<string, string>> {
  const { firecrackerPath, jailerPath } = installFakeFirecracker(directory);
  return { HEARTH_FIRECRACKER_PATH: firecrackerPath, HEARTH_FIRECRACKER_JAILER_PATH: jailerPath };
}
