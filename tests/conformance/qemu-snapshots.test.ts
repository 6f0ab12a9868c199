import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { QemuDriver } from '../../backend/execution-engine/drivers/qemu/qemu-driver.ts';
import { whyNoQemu } from '../support/qemu-programs.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { describeSnapshots } from './snapshot-suite.ts';

const why = whyNoQemu();

/** Several emulated guests at the same time, on a host that may be busy. */
describe.skipIf(why !== undefined)(`snapshots of qemu${skippedFor(why)}`, { timeout: 300_000 }, () => {
  describeSnapshots({
    makeDriver: (directory) =>
      new QemuDriver({
        runDirectory: join(directory, 'run'),
        guestDirectory: join(tmpdir(), 'hearth-test-guests'),
        snapshotDirectory: join(directory, 'snapshots'),
      }),
    memoryMode: 0o600,
    sharesMemory: true,
    copiesRuntimes: true,
    isReadyForCopy: (driver) => (driver as QemuDriver).hasWaiting,
  });
});
