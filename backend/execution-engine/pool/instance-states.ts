import type { PooledInstance } from './pooled-instance.ts';

/** Those that take no more calls unless what overran its time inside stops within the grace. */
export function countInGrace(instances: Iterable<PooledInstance>): number {
  let count = 0;
  for (const instance of instances) if (instance.isInGrace) count++;
  return count;
}

/** What the idle ones are counted with together. */
export function idleMemoryMb(instances: Iterable<PooledInstance>): number {
  let memoryMb = 0;
  for (const instance of instances) if (instance.isIdle) memoryMb += instance.body.memoryMb;
  return memoryMb;
}

/** The idle ones. */
export function longestIdleFirst(instances: Iterable<PooledInstance>): PooledInstance[] {
  const idle = [...instances].filter((instance) => instance.isIdle);
  return idle.sort((a, b) => a.idleSinceMs - b.idleSinceMs);
}
