import { createHash } from 'node:crypto';
import { mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { PlatformError } from '../../../../../shared/errors.ts';

/** Where state goes when the wanted directory cannot be reached by a sandbox's user id. */
const fallbackBases = ['/var/lib/hearth', '/run/hearth'];
const othersMayPass = 0o001;

/**
 * A directory for slots and staged files that an unprivileged user id can pass through: the wanted one, or else one below
 * /var/lib/hearth or /run/hearth whose name is a hash of the wanted one. `passable` is false for a platform that shares its
 * user id with the sandboxes and so needs no such thing.
 */
export function openRunDirectory(
  wanted: string,
  needsPassage: boolean,
  bases: readonly string[] = fallbackBases,
): string {
  const path = resolve(wanted);
  if (!needsPassage) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  }
  if (isPassable(nearestExisting(path))) {
    // Others may pass but not list: names inside are numbers, and even those are nobody's business.
    mkdirSync(path, { recursive: true, mode: 0o711 });
    if (isPassable(path)) return path;
  }
  const name = createHash('sha256').update(path).digest('hex').slice(0, 16);
  for (const base of bases) {
    try {
      const fallback = join(base, name);
      mkdirSync(fallback, { recursive: true, mode: 0o711 });
      if (isPassable(fallback)) return fallback;
    } catch {
      // Read-only or not ours; the next one may do.
    }
  }
  throw new PlatformError(
    'unavailable',
    'no_run_directory',
    `sandboxes cannot reach ${path}, and none of ${bases.join(', ')} can be used; give others the right to pass (chmod o+x) through the directories above it`,
  );
}

/** Whether every user may walk to this path. */
export function isPassable(path: string): boolean {
  for (let current = resolve(path); ; current = dirname(current)) {
    if ((statSync(current).mode & othersMayPass) === 0) return false;
    if (current === '/') return true;
  }
}

function nearestExisting(path: string): string {
  for (let current = path; ; current = dirname(current)) {
    if (statSync(current, { throwIfNoEntry: false }) !== undefined) return current;
  }
}
