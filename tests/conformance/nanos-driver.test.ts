import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { NanosDriver } from '../../backend/execution-engine/drivers/nanos/nanos-driver.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { describeDriver } from './driver-suite.ts';

let directory = '';

const home = process.env['HEARTH_NANOS_HOME'] ?? '';
const reason = home === '' ? 'HEARTH_NANOS_HOME names no release of Nanos (scripts/setup_nanos.sh)' : undefined;

describe.skipIf(reason !== undefined)(`unikernels${skippedFor(reason)}`, () => {
  describeDriver('nanos', {
    hasProcesses: true,
    withoutChildren: 'a unikernel has one process',
    hasOneConsole: true,
    tellsCpuOutside: true,
    // Its network has neighbours that refuse, and nobody says that the rest is not there.
    refusal: /^ECONN(REFUSED|RESET)$|^timeout$/,
    makeDriver: (place) => {
      directory = join(place, 'run');
      return new NanosDriver({ home, runDirectory: directory, guestDirectory: join(tmpdir(), 'hearth-test-guests') });
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
