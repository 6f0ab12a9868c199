import type { DriverDocument, LimitName } from '../../shared/api/system.ts';

const limitNames: readonly LimitName[] = ['memory', 'cpu', 'pids', 'tmp', 'network'];

/**
 * Why limits cannot be chosen at a level of this host, by limit; an empty `isolation` is the default. Nothing of a level that is
 * not there, or not known yet: then that is what has to be said.
 */
export function unenforcedLimits(
  isolation: string,
  drivers: readonly DriverDocument[],
): Readonly<Partial<Record<LimitName, string>>> {
  const driver = drivers.find(({ name, isDefault }) => (isolation === '' ? isDefault : name === isolation));
  if (driver?.status !== 'healthy') return {};
  const missing = limitNames.filter((limit) => !driver.enforces.includes(limit));
  return Object.fromEntries(missing.map((limit) => [limit, `Isolation ${driver.name} does not enforce this here`]));
}
