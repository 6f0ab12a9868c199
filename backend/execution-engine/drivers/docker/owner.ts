import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTimeOf } from '../support/process-tree.ts';

/** Which platform process made a container; a label of it, so it is read from strangers' containers as well. */
export interface OwnerRecord {
  readonly token: string;
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat, so that a reused pid is not taken for the same process. */
  readonly startTime: string;
  readonly bootId: string;
  /** Process ids mean something only within the same namespace: Hearth may itself run in a container. */
  readonly pidNamespace: string;
  /** The run directory's own id. One platform at a time uses a run directory. */
  readonly home: string;
}

export const labels = {
  sandbox: 'hearth.sandbox',
  instance: 'hearth.instance',
  home: 'hearth.home',
  owner: 'hearth.owner',
} as const;

/** The labels of a container of this sandbox. */
export function labelsOf(owner: OwnerRecord, sandboxId: string): Readonly<Record<string, string>> {
  return {
    [labels.sandbox]: sandboxId,
    [labels.instance]: owner.token,
    [labels.home]: owner.home,
    [labels.owner]: JSON.stringify(owner),
  };
}

/** The record of this process. `directory` exists. */
export function ownerOf(directory: string): OwnerRecord {
  return {
    token: randomBytes(6).toString('hex'),
    pid: process.pid,
    startTime: startTimeOf(process.pid) ?? '',
    bootId: readQuietly(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace: readQuietly(() => readlinkSync('/proc/self/ns/pid')),
    home: homeId(directory),
  };
}

/**
 * Whether the platform that left this record is gone, as seen from `self`. In doubt it lives: containers of other hosts and of
 * other containers on a shared daemon are nobody's business.
 */
export function isDeadOwner(record: OwnerRecord, self: OwnerRecord): boolean {
  if (record.token === self.token) return false;
  if (record.bootId === self.bootId && record.pidNamespace === self.pidNamespace) {
    return startTimeOf(record.pid) !== record.startTime;
  }
  // Another boot or another container, but our own run directory: an earlier life of this installation.
  return record.home === self.home;
}

/** The record in a label or file, or undefined when it is none. */
export function parseOwner(text: string | undefined): OwnerRecord | undefined {
  try {
    const value = JSON.parse(text ?? '') as Partial<OwnerRecord>;
    const { token, pid, startTime, bootId, pidNamespace, home } = value;
    if (typeof token !== 'string' || typeof pid !== 'number' || typeof startTime !== 'string') return undefined;
    if (typeof bootId !== 'string' || typeof pidNamespace !== 'string' || typeof home !== 'string') return undefined;
    return { token, pid, startTime, bootId, pidNamespace, home };
  } catch {
    return undefined;
  }
}

/** A random name for the directory, made once and kept in it. */
function homeId(directory: string): string {
  const file = join(directory, 'home-id');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, randomBytes(8).toString('hex'), { flag: 'wx', mode: 0o600 });
  } catch {
    // It is there already.
  }
  return readFileSync(file, 'utf8').trim();
}

function readQuietly(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
