import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SweepReport } from '../../../core/ports/isolation-driver.ts';
import type { EngineClient } from './engine/engine-client.ts';
import { engineErrorCodes, isEngineError, isEngineGone } from './engine/engine-errors.ts';
import type { ContainerListing } from './engine/engine-types.ts';
import { isDeadOwner, labels, type OwnerRecord, parseOwner } from './owner.ts';

/** So many removals at once; each costs the daemon some 50 ms of work. */
const parallelRemovals = 4;

export interface SweepOptions {
  readonly engine: EngineClient;
  readonly owner: OwnerRecord;
  /** Whether this platform holds the sandbox. */
  readonly isLive: (sandboxId: string) => boolean;
}

/**
 * Removes containers that this platform made and no longer holds, and those of platforms that are gone. Containers of living platforms, and
 * all that have no label of ours, are left alone. A daemon that is not there has nothing to sweep.
 */
export async function sweepContainers(options: SweepOptions): Promise<SweepReport> {
  const removed: string[] = [];
  const failed: string[] = [];
  let found: ContainerListing[];
  try {
    const all = await options.engine.listContainers({ label: [labels.sandbox, labels.owner] });
    found = all.filter((container) => isOrphan(container, options));
  } catch (error) {
    if (isEngineGone(error)) return { removed, failed };
    return { removed, failed: [`listing containers: ${messageOf(error)}`] };
  }
  const next = async (): Promise<void> => {
    for (let container = found.pop(); container !== undefined; container = found.pop()) {
      const what = `container ${container.Id.slice(0, 12)} of sandbox ${container.Labels?.[labels.sandbox]}`;
      try {
        await options.engine.removeContainer(container.Id);
        removed.push(what);
      } catch (error) {
        if (isEngineError(error, engineErrorCodes.containerMissing, engineErrorCodes.conflict)) removed.push(what);
        else failed.push(`${what}: ${messageOf(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: parallelRemovals }, next));
  return { removed, failed };
}

/** Containers, and then the directories of platforms that are gone. */
export async function sweepAll(options: SweepOptions, base: string): Promise<SweepReport> {
  const containers = await sweepContainers(options);
  if (containers.failed.length > 0) return containers;
  const directories = await sweepDirectories(base, options.owner);
  return { removed: [...containers.removed, ...directories.removed], failed: directories.failed };
}

/** Removes the directories of platforms that are gone. After their containers, into which they are mounted. */
async function sweepDirectories(base: string, self: OwnerRecord): Promise<SweepReport> {
  const removed: string[] = [];
  const failed: string[] = [];
  for (const name of readdirSync(base)) {
    // The name is the owner's token: a directory that is not what its file says is none of ours.
    const record = parseOwner(readQuietly(join(base, name, 'owner.json')));
    if (record?.token !== name || record.home !== self.home || !isDeadOwner(record, self)) continue;
    try {
      await rm(join(base, name), { recursive: true, force: true });
      removed.push(`directory ${join(base, name)}`);
    } catch (error) {
      failed.push(`directory ${join(base, name)}: ${messageOf(error)}`);
    }
  }
  return { removed, failed };
}

function isOrphan(container: ContainerListing, { owner, isLive }: SweepOptions): boolean {
  const record = parseOwner(container.Labels?.[labels.owner]);
  if (record === undefined) return false;
  if (record.token === owner.token) return !isLive(container.Labels?.[labels.sandbox] ?? '');
  return isDeadOwner(record, owner);
}

function readQuietly(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
