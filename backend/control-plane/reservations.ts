import { PlatformError } from '../../shared/errors.ts';
import type { FunctionId } from '../../shared/ids.ts';
import type { VersionConfig } from '../../shared/version-config.ts';
import { reservablePlaces } from '../core/policies/host-places.ts';
import type { FunctionEntry, InMemoryFunctionDirectory } from './function-directory.ts';

export interface ReservationsOptions {
  readonly directory: Pick<InMemoryFunctionDirectory, 'entries'>;
  /** Invocations in flight, all functions together. */
  readonly hostPlaces: number;
}

/** Places of the host that functions have for themselves: the most that a version behind `live` asks for, disabled or not. */
export class Reservations {
  readonly #options: ReservationsOptions;

  constructor(options: ReservationsOptions) {
    this.#options = options;
  }

  /** Of the functions that have any. Looks at every function. */
  all(): ReadonlyMap<FunctionId, number> {
    const found = new Map<FunctionId, number>();
    for (const entry of this.#options.directory.entries()) {
      const places = mostOf(configsBehindLive(entry));
      if (places > 0) found.set(entry.record.id, places);
    }
    return found;
  }

  /**
   * Throws `unprocessable`/`reservations_over_host` when the function, with these versions behind `live`, would reserve more than is left by
   * the others. Nothing is said of who they are. Call it under the lock of changes, before the change.
   */
  refuseOverbooking(id: FunctionId, behindLive: readonly VersionConfig[]): void {
    const wanted = mostOf(behindLive);
    if (wanted === 0) return;
    let others = 0;
    for (const [owner, places] of this.all()) if (owner !== id) others += places;
    const { hostPlaces } = this.#options;
    const left = Math.max(0, reservablePlaces(hostPlaces) - others);
    if (wanted <= left) return;
    const message = `${wanted} places cannot be reserved: ${reservablePlaces(hostPlaces)} of the ${hostPlaces} of this host (HEARTH_MAX_CONCURRENT) can be, and others have ${others} of them; ask for at most ${left}`;
    throw new PlatformError('unprocessable', 'reservations_over_host', message, {
      issues: [{ path: 'reservedConcurrency', message: `at most ${left} here` }],
    });
  }

  /** Why not everybody can have what is reserved, for a host that was made smaller since; or undefined. */
  shortage(): string | undefined {
    const { hostPlaces } = this.#options;
    const reserved = [...this.all().values()].reduce((sum, places) => sum + places, 0);
    if (reserved <= reservablePlaces(hostPlaces)) return undefined;
    return `functions reserve ${reserved} places, but HEARTH_MAX_CONCURRENT is ${hostPlaces}: not all can have theirs at the same time`;
  }
}

function configsBehindLive({ aliases, versions }: FunctionEntry): readonly VersionConfig[] {
  const targets = aliases.get('live')?.versions ?? [];
  return targets.flatMap(({ version }) => versions.get(version)?.config ?? []);
}

function mostOf(configs: readonly VersionConfig[]): number {
  return Math.max(0, ...configs.map(({ reservedConcurrency }) => reservedConcurrency));
}
