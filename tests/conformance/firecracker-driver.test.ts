import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { FirecrackerDriver } from '../../backend/execution-engine/drivers/firecracker/firecracker-driver.ts';
import { installFakeFirecracker } from '../support/fake-firecracker.ts';
import { whyNoSpec } from '../support/firecracker-spec.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { describeDriver, type SuiteOptions } from './driver-suite.ts';

let directory = '';

/** Slots that are left, of any instance. */
function leftovers(): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).flatMap((instance) => {
    const slots = join(directory, instance, 'slots');
    return existsSync(slots) ? readdirSync(slots).map((slot) => `${instance}/${slot}`) : [];
  });
}

function suite(programs: (place: string) => { firecrackerPath: string; jailerPath?: string; kvmPath?: string }) {
  return {
    hasProcesses: true,
    makeDriver: (place: string) => {
      directory = join(place, 'run');
      const guestDirectory = join(tmpdir(), 'hearth-test-guests');
      const snapshotDirectory = join(place, 'snapshots');
      return new FirecrackerDriver({ runDirectory: directory, guestDirectory, snapshotDirectory, ...programs(place) });
    },
    leftovers,
  } satisfies SuiteOptions;
}

describe.skipIf(whyNoSpec() !== undefined)(`against a fake${skippedFor(whyNoSpec())}`, () => {
  describeDriver('firecracker', {
    ...suite((place) => ({ ...installFakeFirecracker(place), kvmPath: '/dev/null' })),
    withoutKernel: 'a fake guest has no kernel of its own to enforce it; HEARTH_TEST_FIRECRACKER runs it in a real one',
  });
});

const real = process.env['HEARTH_TEST_FIRECRACKER'] ?? '';
const whyNotReal = real === '' ? 'HEARTH_TEST_FIRECRACKER names no firecracker' : undefined;
describe.skipIf(whyNotReal !== undefined)(`against the real one${skippedFor(whyNotReal)}`, () => {
  describeDriver(
    'firecracker',
    suite(() => ({ firecrackerPath: real })),
  );
});
