import { existsSync } from 'node:fs';
import type { LimitName } from '../../../../shared/api/system.ts';
import type { DriverHealth } from '../../../core/ports/isolation-driver.ts';
import { egressFinding } from '../support/egress/egress-finding.ts';
import { versionOfQemu } from '../support/guest/jailed-qemu.ts';
import { findProgram, type HostEnvironment } from '../support/jail/host-environment.ts';

export interface ProbeParts {
  readonly qemuPath: string | undefined;
  readonly bwrapPath: string | undefined;
  readonly openHost: () => HostEnvironment;
  /** Makes what every guest needs and starts this QEMU in its jail, with a guest only where KVM is to be tried; says what it found. */
  readonly tryOut: (version: string) => Promise<{ readonly notes: readonly string[] }>;
  /** Why guests cannot be let out to the network here, or undefined. */
  readonly whyNoEgress: () => Promise<string | undefined>;
}

/** The machine `microvm` with ACPI came in 5.2; what is used here is tried with 7.2. */
const oldestMajor = 6;

/** Starts QEMU in its jail, and says what is missing if that fails. Never rejects. Boots no emulated guest: that takes seconds. */
export async function probeQemu(parts: ProbeParts): Promise<DriverHealth> {
  const { qemuPath } = parts;
  if (qemuPath === undefined || !existsSync(qemuPath)) {
    return {
      status: 'undetected',
      reason: qemuPath === undefined ? 'QEMU (qemu-system-x86_64) is not installed' : `there is no ${qemuPath}`,
      fix: 'install it: apt-get install qemu-system-x86 erofs-utils busybox-static bubblewrap',
    };
  }
  if ((parts.bwrapPath ?? findProgram('bwrap')) === undefined) {
    return {
      status: 'unhealthy',
      reason: 'bubblewrap (bwrap), which QEMU is jailed with, is not installed',
      fix: 'install it: apt-get install bubblewrap',
    };
  }
  try {
    const version = await versionOfQemu(qemuPath);
    if (Number.parseInt(version, 10) < oldestMajor) {
      return { status: 'unhealthy', reason: `QEMU ${version} is too old`, fix: `install QEMU ${oldestMajor} or later` };
    }
    const host = parts.openHost();
    const missing = (['memory', 'pids', 'cpu'] as const).filter((role) => !host.cgroups.enforces.has(role));
    if (missing.length > 0) {
      return {
        status: 'unhealthy',
        reason: `control groups for ${missing.join(', ')} cannot be used here, so QEMU itself would have no limits`,
        fix: 'run the platform as root, or delegate control groups to it (systemd: Delegate=yes)',
      };
    }
    const { notes } = await parts.tryOut(version);
    const enforces = new Set<LimitName>(['memory', 'cpu', 'pids', 'tmp', 'network']);
    const egress = egressFinding(await parts.whyNoEgress());
    return {
      ...{ status: 'healthy', version: `QEMU ${version}`, tier: 'strict', enforces },
      ...{ egress: egress.egress, notes: [...notes, ...egress.notes] },
    };
  } catch (error) {
    return explain(error);
  }
}

function explain(error: unknown): DriverHealth {
  const reason = error instanceof Error ? error.message : String(error);
  const fix = /; (install|give|use|name) /.test(reason)
    ? reason.slice(reason.indexOf('; ') + 2)
    : 'see docs/drivers/qemu.md for what this driver needs';
  return { status: 'unhealthy', reason, fix };
}
