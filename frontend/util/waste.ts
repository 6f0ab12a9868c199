import type { PoolDocument } from '../../shared/api/system.ts';

/** What keeping instances of one function, of all its versions, costs and was good for. */
export interface Waste {
  readonly functionName: string;
  /** Held now by instances that run something, and by those that wait. */
  readonly busyBytes: number;
  readonly idleBytes: number;
  /** Memory limits of idle instances times how long they were idle, since the platform started. */
  readonly idleMbHours: number;
  readonly coldStartsAvoided: number;
  /** The one by the other; null before anything was idle. */
  readonly avoidedPerMbHour: number | null;
}

/** One line per function that has, or had, instances; what waits most comes first. */
export function wasteOf(pools: readonly PoolDocument[]): readonly Waste[] {
  const byFunction = Map.groupBy(pools, ({ functionName }) => functionName);
  return [...byFunction]
    .map(([functionName, versions]) => ({ functionName, ...sumUp(versions) }))
    .toSorted((a, b) => b.idleMbHours - a.idleMbHours || (a.functionName < b.functionName ? -1 : 1));
}

function sumUp(versions: readonly PoolDocument[]): Omit<Waste, 'functionName'> {
  const instances = versions.flatMap((version) => version.instances);
  const bytesOf = (isBusy: boolean) =>
    instances.filter(({ inFlight }) => inFlight > 0 === isBusy).reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  const idleMbHours = versions.reduce((sum, { keepAlive }) => sum + keepAlive.idleMbHours, 0);
  const coldStartsAvoided = versions.reduce((sum, { keepAlive }) => sum + keepAlive.coldStartsAvoided, 0);
  return {
    busyBytes: bytesOf(true),
    idleBytes: bytesOf(false),
    idleMbHours,
    coldStartsAvoided,
    avoidedPerMbHour: idleMbHours === 0 ? null : coldStartsAvoided / idleMbHours,
  };
}
