import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { FirecrackerDriver } from '../../backend/execution-engine/drivers/firecracker/firecracker-driver.ts';
import { installFakeFirecracker } from '../support/fake-firecracker.ts';
import { whyNoSpec } from '../support/firecracker-spec.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { describeSnapshots } from './snapshot-suite.ts';

interface Programs {
  readonly firecrackerPath: string;
  readonly jailerPath?: string;
  readonly kvmPath?: string;
}

function suite(programs: (directory: string) => Programs, sharesMemory: boolean): void {
  describeSnapshots({
    makeDriver: (directory) =>
      new FirecrackerDriver({
        runDirectory: join(directory, 'run'),
        guestDirectory: join(tmpdir(), 'hearth-test-guests'),
        snapshotDirectory: join(directory, 'snapshots'),
        ...programs(directory),
      }),
    // Its user may read what is linked into its jail, and no way leads there through the directory.
    memoryMode: 0o444,
    sharesMemory,
    copiesRuntimes: false,
  });
}

describe.skipIf(whyNoSpec() !== undefined)(`snapshots of a fake Firecracker${skippedFor(whyNoSpec())}`, () => {
  suite((directory) => ({ ...installFakeFirecracker(directory), kvmPath: '/dev/null' }), false);
});

const real = process.env['HEARTH_TEST_FIRECRACKER'] ?? '';
const whyNotReal = real === '' ? 'HEARTH_TEST_FIRECRACKER names no firecracker' : undefined;
describe.skipIf(whyNotReal !== undefined)(`snapshots of the real one${skippedFor(whyNotReal)}`, () => {
  suite(() => ({ firecrackerPath: real }), true);
});
