import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { FakeDriver } from '../../backend/execution-engine/drivers/fake/fake-driver.ts';
import { ProcessDriver } from '../../backend/execution-engine/drivers/process/process-driver.ts';
import { UnsandboxedDriver } from '../../backend/execution-engine/drivers/unsandboxed/unsandboxed-driver.ts';
import { fakeBodyAgent } from './driver-body.ts';
import { describeDriver } from './driver-suite.ts';

describeDriver('fake', {
  hasProcesses: false,
  makeDriver: () => new FakeDriver({ script: () => ({ agent: fakeBodyAgent }) }),
  leftovers: (driver) => (driver as FakeDriver).live.map((sandbox) => sandbox.id),
});

let processDirectory = '';
describeDriver('process', {
  hasProcesses: true,
  makeDriver: (directory) => {
    processDirectory = join(directory, 'run');
    // A launcher that waits has a slot too: process-launchers.test.ts.
    return new ProcessDriver({ runDirectory: processDirectory, waitingLaunchers: 0 });
  },
  leftovers: () => entriesBelow(processDirectory, 'slots'),
});

let plainDirectory = '';
describeDriver('unsandboxed', {
  hasProcesses: true,
  makeDriver: (directory) => {
    plainDirectory = directory;
    return new UnsandboxedDriver({ runDirectory: directory });
  },
  leftovers: () => {
    const place = join(plainDirectory, 'unsandboxed');
    return existsSync(place) ? readdirSync(place) : [];
  },
});

/** Slots that exist in any instance directory below the run directory. */
function entriesBelow(directory: string, folder: string): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).flatMap((instance) => {
    const place = join(directory, instance, folder);
    return existsSync(place) ? readdirSync(place).map((slot) => `${instance}/${slot}`) : [];
  });
}
