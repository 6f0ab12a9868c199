import { existsSync } from 'node:fs';
import type { LimitName } from '../../../../shared/api/system.ts';
import type { DriverHealth } from '../../../core/ports/isolation-driver.ts';
import { versionOfQemu } from '../support/guest/jailed-qemu.ts';
import { findProgram, type HostEnvironment } from '../support/jail/host-environment.ts';
import type { NanosRelease } from './nanos-release.ts';

export interface ProbeParts {
  /** Throws with what is missing of Nanos. */
  readonly findNanos: () => NanosRelease;
  readonly qemuPath: string | undefined;
  readonly bwrapPath: string | undefined;
  readonly openHost: () => HostEnvironment;
  /** Boots a unikernel whose program ends at once; says what it found. */
  readonly tryOut: (nanos: NanosRelease, qemuVersion: string) => Promise<{ readonly notes: readonly string[] }>;
}

type Finding = Extract<DriverHealth, { readonly reason: string }>;
/** What is enforced; see docs/drivers/nanos.md for why processes are not among it. */
export const enforcedLimits: ReadonlySet<LimitName> = new Set(['memory', 'cpu', 'tmp', 'network']);

/** Looks for everything that a unikernel needs, in the order in which one would set it up, and boots one at last. Never rejects. */
export async function probeNanos(parts: ProbeParts): Promise<DriverHealth> {
  try {
    if (process.arch !== 'x64') {
      const reason = `unikernels are there for x86-64 only, this machine is ${process.arch}`;
      return { status: 'unhealthy', reason, fix: 'use another isolation level' };
    }
    const nanos = parts.findNanos();
    const missing = checkHost(parts);
    if (missing !== undefined) return missing;
    const version = await versionOfQemu(parts.qemuPath ?? '');
    const { notes } = await parts.tryOut(nanos, version);
    return {
      status: 'healthy',
      version: `Nanos ${nanos.version}, QEMU ${version}`,
      tier: 'strict',
      enforces: enforcedLimits,
      notes: [
        ...notes,
        'a unikernel has one process: functions that start others (child_process, subprocess, multiprocessing) fail with ENOSYS',
      ],
    };
  } catch (error) {
    return explain(error);
  }
}

function checkHost({ qemuPath, bwrapPath, openHost }: ProbeParts): Finding | undefined {
  if (qemuPath === undefined || !existsSync(qemuPath)) {
    const reason = qemuPath === undefined ? 'QEMU (qemu-system-x86_64) is not installed' : `there is no ${qemuPath}`;
    return { status: 'unhealthy', reason, fix: 'install it: apt-get install qemu-system-x86 bubblewrap' };
  }
  if ((bwrapPath ?? findProgram('bwrap')) === undefined) {
    const reason = 'bubblewrap (bwrap), which QEMU is jailed with, is not installed';
    return { status: 'unhealthy', reason, fix: 'install it: apt-get install bubblewrap' };
  }
  const { cgroups } = openHost();
  const missing = (['memory', 'pids', 'cpu'] as const).filter((role) => !cgroups.enforces.has(role));
  if (missing.length === 0) return undefined;
  return {
    status: 'unhealthy',
    reason: `control groups for ${missing.join(', ')} cannot be used here, so unikernels would have no limits`,
    fix: 'run the platform as root, or delegate control groups to it (systemd: Delegate=yes)',
  };
}

function explain(error: unknown): Finding {
  const said = error instanceof Error ? error.message : String(error);
  const isMissing = error instanceof Error && 'code' in error && error.code === 'nanos_missing';
  const cut = /; (run|install|give|use|name) /.exec(said)?.index;
  return {
    status: isMissing ? 'undetected' : 'unhealthy',
    reason: cut === undefined ? said : said.slice(0, cut),
    fix: cut === undefined ? 'see docs/drivers/nanos.md for what this driver needs' : said.slice(cut + 2),
  };
}
