import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { QemuDriver } from '../../backend/execution-engine/drivers/qemu/qemu-driver.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { describeDriver } from './driver-suite.ts';

let directory = '';

/** Boots some thirty guests under emulation, which takes minutes: run by hand until guests can be restored from a snapshot. */
const reason = process.env['HEARTH_TEST_QEMU'] === '1' ? undefined : 'takes minutes; HEARTH_TEST_QEMU=1 runs it';

describe.skipIf(reason !== undefined)(`microVMs${skippedFor(reason)}`, () => {
  describeDriver('qemu', {
    hasProcesses: true,
    makeDriver: (place) => {
      directory = join(place, 'run');
      return new QemuDriver({
        runDirectory: directory,
        guestDirectory: join(tmpdir(), 'hearth-test-guests'),
        snapshotDirectory: join(place, 'snapshots'),
      });
    },
    leftovers: () => {
      if (!existsSync(directory)) return [];
      return readdirSync(directory).flatMap((instance) => {
        const slots = join(directory, instance, 'slots');
        return existsSync(slots) ? readdirSync(slots).map((slot) => `${instance}/${slot}`) : [];
      });
    },
  });
});
