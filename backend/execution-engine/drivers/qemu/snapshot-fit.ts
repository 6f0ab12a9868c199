import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import { basename } from 'node:path';
import type { SandboxLimits } from '../../../core/ports/isolation-driver.ts';
import type { DiskRate } from '../support/guest/disk-rate.ts';
import { guestInit } from '../support/guest/guest-init.ts';
import type { GuestBoot } from '../support/guest/guest-store.ts';
import type { Accelerator } from '../support/guest/jailed-qemu.ts';
import { qemuCommand } from './qemu-arguments.ts';

/** What must be the same where a snapshot of such a guest is restored, as a hash: QEMU, processor, command line, kernel, runtime, init, limits. */
export function snapshotFit(guest: {
  readonly limits: SandboxLimits;
  readonly boot: GuestBoot;
  readonly diskRate: DiskRate;
  readonly accelerator: Accelerator;
  /** Of QEMU. */
  readonly version: string;
}): string {
  const { limits, boot, diskRate, accelerator, version } = guest;
  const argv = qemuCommand({ limits, accelerator, hasCode: true, isClone: true, ownsMemory: false, diskRate });
  const parts = [basename(boot.kernel), basename(boot.root), guestInit('serial'), limits];
  return createHash('sha256')
    .update(JSON.stringify([version, cpus()[0]?.model, argv, ...parts]))
    .digest('hex');
}
