import { readFile, stat } from 'node:fs/promises';
import { PlatformError } from '../../../../shared/errors.ts';
import { pipeOf } from '../support/child-pipe.ts';
import type { QemuProcess } from './launch.ts';
import { descriptors } from './qemu-arguments.ts';
import type { QmpClient } from './qmp-client.ts';

/** Devices without the guest's memory are about 20 KB; what a QEMU that was taken over writes beyond this is not read. */
const maxStateBytes = 16 * 1024 * 1024;

/**
 * What QEMU has beside the guest's memory, as a migration stream (docs/devel/migration.rst). The guest must be stopped. `file` is what QEMU inherited to write it to
 * (`descriptors.saved`). Rejects with `unavailable` (`vmm_refused`).
 */
export async function saveState(qmp: QmpClient, file: string): Promise<Buffer> {
  await qmp.execute('xen-save-devices-state', { filename: `/proc/self/fd/${descriptors.saved}`, live: false });
  if ((await stat(file)).size > maxStateBytes) {
    throw new PlatformError('unavailable', 'vmm_refused', 'QEMU saved too much state');
  }
  return await readFile(file);
}

/**
 * Gives a QEMU that was started with `-incoming defer` its state; resolves when the guest runs, which QEMU sees to by itself where no state says that the guest was
 * stopped. All of it is on its way before QEMU has begun, so that nothing waits for the host in between. One that cannot load its state ends (`vmm_lost`).
 */
export async function loadState({ child, qmp }: Pick<QemuProcess, 'child' | 'qmp'>, state: Buffer): Promise<void> {
  pipeOf(child, descriptors.state).end(state);
  await Promise.all([
    qmp.open(),
    qmp.execute('migrate-incoming', { uri: `fd:${descriptors.state}` }),
    qmp.event('RESUME'),
  ]);
}
