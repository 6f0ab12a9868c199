import { PlatformError } from '../../../../../shared/errors.ts';
import type { SandboxId } from '../../../../../shared/ids.ts';
import type { SweepReport } from '../../../../core/ports/isolation-driver.ts';
import type { Sandbox } from '../../../../core/ports/sandbox.ts';
import type { SnapshotInfo } from '../../../../core/ports/snapshot-driver.ts';
import type { HostOptions } from '../jail/host-environment.ts';
import type { LiveSandboxes } from '../jail/live-sandboxes.ts';
import { throwIfAborted } from '../start-errors.ts';
import type { GuestControl } from './guest-control.ts';

/** 2100: ahead of any time at which a snapshot is restored; see docs/protocol.md. */
const farAheadMs = Date.UTC(2100, 0, 1);

export interface GuestSnapshot {
  readonly control: Pick<GuestControl, 'settle'>;
  /** Has the agent say nothing until it is told that it goes on. */
  readonly quiesce: () => Promise<void>;
  readonly signal: AbortSignal;
  /** Stops the guest and keeps what it is; resolves with the bytes. */
  readonly keep: () => Promise<number>;
  /** Lets the guest go on, at the time of now, also when `keep` failed. */
  readonly goOn: () => Promise<void>;
}

/** Keeps a guest as it is, with a clock that no copy can have been ahead of. */
export async function snapshotGuest({ control, quiesce, signal, keep, goOn }: GuestSnapshot): Promise<SnapshotInfo> {
  await control.settle(farAheadMs);
  try {
    await quiesce();
    throwIfAborted(signal, 'a snapshot');
    return { sizeBytes: await keep() };
  } finally {
    await goOn();
  }
}

/** For a sandbox that is to be snapshotted and is not there any more. */
export function sandboxGone(): PlatformError {
  return new PlatformError('unavailable', 'sandbox_gone', 'the sandbox is gone');
}

/** The sweep of a driver whose guests have snapshots: sandboxes first, then snapshots. */
export async function sweepGuests<T extends Sandbox>(options: {
  readonly known: ReadonlySet<SandboxId>;
  readonly live: LiveSandboxes<T>;
  readonly host: HostOptions;
  readonly snapshots: { sweep(nowMs: number): Promise<readonly string[]> };
}): Promise<SweepReport> {
  const report = await options.live.sweep(options.known, options.host);
  const snapshots = await options.snapshots.sweep(Date.now());
  return { removed: [...report.removed, ...snapshots.map((name) => `snapshot ${name}`)], failed: report.failed };
}
