import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { QemuDriver } from '../../backend/execution-engine/drivers/qemu/qemu-driver.ts';
import { whyNoQemu } from '../support/qemu-programs.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { describeDriver } from './driver-suite.ts';

let directory = '';

const reason = whyNoQemu();

/** One of some thirty boots under emulation hangs now and then, twice in a row hardly ever. */
describe.skipIf(reason !== undefined)(`microVMs${skippedFor(reason)}`, { retry: 1, timeout: 300_000 }, () => {
  describeDriver('qemu', {
    hasProcesses: true,
    startsAhead: true,
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
