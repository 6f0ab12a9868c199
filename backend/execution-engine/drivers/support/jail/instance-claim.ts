import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../../../../../shared/errors.ts';
import { startTimeOf } from '../process-tree.ts';

/** Who uses an instance number: written once, never changed. */
export interface ClaimRecord {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat, so that a reused pid is not taken for the same process. */
  readonly startTime: string;
  readonly token: string;
  /** The instance's directory, below which all its slots and staged files are. */
  readonly directory: string;
}

export interface InstanceClaim {
  readonly number: number;
  readonly directory: string;
  release(): void;
}

/** 1 … 60, so that with 1000 sandboxes each the user ids of all instances are a small block. */
const maxInstances = 60;

/**
 * Takes the lowest free instance number of this machine. Numbers separate platforms that run side by side: each has its
 * own user ids, control groups and directories. A dead owner's number stays taken until a sweep has cleaned up after it.
 */
export function claimInstance(registry: string, directoryOf: (number: number) => string): InstanceClaim {
  mkdirSync(registry, { recursive: true, mode: 0o755 });
  const pid = process.pid;
  const token = randomBytes(8).toString('hex');
  for (let number = 1; number <= maxInstances; number++) {
    const directory = directoryOf(number);
    const record: ClaimRecord = { pid, startTime: startTimeOf(pid) ?? '', token, directory };
    const file = claimFile(registry, number);
    const draft = join(registry, `.${token}`);
    writeFileSync(draft, JSON.stringify(record), { mode: 0o644 });
    try {
      // link() either makes the whole file or fails: nobody ever reads half a claim.
      linkSync(draft, file);
      if (!isBeingSwept(registry, number)) return { number, directory, release: () => releaseClaim(file, token) };
      releaseClaim(file, token);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    } finally {
      unlinkSync(draft);
    }
  }
  throw new PlatformError(
    'unavailable',
    'no_instance_number',
    `${maxInstances} platform instances are registered in ${registry}; stop one, or remove the files of dead ones`,
  );
}

/** A claim whose owner is gone. */
export interface DeadClaim {
  readonly number: number;
  readonly record: ClaimRecord;
  /** The claim, or what a sweeper that died too has made of it. */
  readonly file: string;
}

/** `<number>.json`, or `<number>.swept-by-<pid>-<start time>.json` while somebody sweeps: who renames it is the only one to. */
const claimName = /^(\d{1,2})(?:\.swept-by-(\d+)-(\d+))?\.json$/;

/** Claims whose owner is gone and that nobody sweeps. Files that are no claims are left alone. */
export function deadClaims(registry: string): readonly DeadClaim[] {
  const dead: DeadClaim[] = [];
  for (const name of listQuietly(registry)) {
    const [, number, sweeper, since] = claimName.exec(name) ?? [];
    if (number === undefined || (sweeper !== undefined && startTimeOf(Number(sweeper)) === since)) continue;
    const file = join(registry, name);
    const record = readClaim(file);
    if (record !== undefined && isDead(record)) dead.push({ number: Number(number), record, file });
  }
  return dead;
}

/**
 * Makes this process the only one that sweeps after a dead owner; undefined when another was faster. Until `release` nobody can
 * claim the number, so nothing that is swept can belong to a living instance. After `giveUp` the next sweep tries again.
 */
export function takeDeadClaim(
  registry: string,
  { number, record, file }: DeadClaim,
): { release(): void; giveUp(): void } | undefined {
  const mine = join(registry, `${number}.swept-by-${process.pid}-${startTimeOf(process.pid) ?? ''}.json`);
  const giveUp = (): void => renameSync(mine, claimFile(registry, number));
  try {
    renameSync(file, mine);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  if (readClaim(mine)?.token === record.token) return { release: () => rmSync(mine, { force: true }), giveUp };
  // Since it was read, somebody swept and somebody else, who lives, took the number.
  giveUp();
  return undefined;
}

function isDead(record: ClaimRecord): boolean {
  return startTimeOf(record.pid) !== record.startTime;
}

function isBeingSwept(registry: string, number: number): boolean {
  return listQuietly(registry).some((name) => name.startsWith(`${number}.swept-by-`));
}

function claimFile(registry: string, number: number): string {
  return join(registry, `${number}.json`);
}

function releaseClaim(file: string, token: string): void {
  if (readClaim(file)?.token === token) rmSync(file, { force: true });
}

function readClaim(file: string): ClaimRecord | undefined {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<ClaimRecord>;
    const { pid, startTime, token, directory } = value;
    if (typeof pid !== 'number' || typeof startTime !== 'string' || startTime === '') return undefined;
    if (typeof token !== 'string' || typeof directory !== 'string') return undefined;
    return { pid, startTime, token, directory };
  } catch {
    return undefined;
  }
}

function listQuietly(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
