import { afterEach, expect } from 'vitest';
import type { DriverCapabilities } from '../../backend/core/ports/isolation-driver.ts';
import { FakeSnapshotDriver } from './fake-snapshots.ts';
import { type PoolRigOptions, poolRig } from './pool-rig.ts';

/** A pool over a fake driver that takes snapshots, with what it can do beside that. */
function snapshotPoolRig(options: PoolRigOptions = {}, capabilities: Partial<DriverCapabilities> = {}) {
  let driver: FakeSnapshotDriver | undefined;
  const rig = poolRig({
    ...options,
    isCopy: (id) => driver?.copies.has(id) === true,
    makeDriver: (given) => {
      driver = new FakeSnapshotDriver({ ...given, capabilities });
      return driver;
    },
  });
  return { ...rig, driver: driver as unknown as FakeSnapshotDriver };
}
export type SnapshotPoolRig = ReturnType<typeof snapshotPoolRig>;

/** For the top of a test file: makes rigs, and after each test drains their pools, which must leave nothing. */
export function drainedRigs() {
  const rigs: SnapshotPoolRig[] = [];
  afterEach(async () => {
    for (const { pool, clock, driver } of rigs.splice(0)) {
      await pool.drain(clock.now());
      expect(driver.live).toEqual([]);
    }
  });
  return (...options: Parameters<typeof snapshotPoolRig>): SnapshotPoolRig => {
    const made = snapshotPoolRig(...options);
    rigs.push(made);
    return made;
  };
}
