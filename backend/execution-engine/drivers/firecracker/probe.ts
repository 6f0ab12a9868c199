import { execFile } from 'node:child_process';
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import type { LimitName } from '../../../../shared/api/system.ts';
import type { DriverHealth } from '../../../core/ports/isolation-driver.ts';
import { egressFinding } from '../support/egress/egress-finding.ts';
import { type HostEnvironment, isRoot } from '../support/jail/host-environment.ts';

export interface ProbeParts {
  readonly firecrackerPath: string | undefined;
  readonly jailerPath: string | undefined;
  readonly kvmPath: string;
  readonly openHost: () => HostEnvironment;
  /** Boots a guest and ends it; says what it found. */
  readonly tryOut: (version: string) => Promise<{ readonly notes: readonly string[] }>;
  /** Why guests cannot be let out to the network here, or undefined. */
  readonly whyNoEgress: () => Promise<string | undefined>;
}

/** ACPI, by which kernels of distributions find their devices, came in 1.8. */
const oldest = [1, 8] as const;
const versionTimeoutMs = 10_000;
const install = 'run scripts/setup_firecracker.sh, which fetches the official release and checks it';

type Finding = Extract<DriverHealth, { readonly reason: string }>;

/** Looks for everything that a microVM needs, in the order in which one would set it up, and boots a guest at last. Never rejects. */
export async function probeFirecracker(parts: ProbeParts): Promise<DriverHealth> {
  try {
    const version = await checkPrograms(parts);
    if (typeof version !== 'string') return version;
    const missing = checkHost(parts);
    if (missing !== undefined) return missing;
    const { notes } = await parts.tryOut(version);
    const enforces = new Set<LimitName>(['memory', 'cpu', 'pids', 'tmp', 'network']);
    const egress = egressFinding(await parts.whyNoEgress());
    return {
      ...{ status: 'healthy', version: `Firecracker ${version}`, tier: 'strict', enforces },
      ...{ egress: egress.egress, notes: [...notes, ...egress.notes] },
    };
  } catch (error) {
    return explain(error);
  }
}

async function checkPrograms({ firecrackerPath, jailerPath }: ProbeParts): Promise<string | Finding> {
  if (process.arch !== 'x64') {
    return unhealthy(
      `guests are there for x86-64 only, this machine is ${process.arch}`,
      'use another isolation level',
    );
  }
  if (firecrackerPath === undefined || !existsSync(firecrackerPath)) {
    const reason = firecrackerPath === undefined ? 'Firecracker is not installed' : `there is no ${firecrackerPath}`;
    return { status: 'undetected', reason, fix: `${install}, or name it in HEARTH_FIRECRACKER_PATH` };
  }
  if (jailerPath === undefined || !existsSync(jailerPath)) {
    const reason = jailerPath === undefined ? "Firecracker's jailer is not installed" : `there is no ${jailerPath}`;
    return unhealthy(reason, `${install}, or name it in HEARTH_FIRECRACKER_JAILER_PATH`);
  }
  const version = await versionOf(firecrackerPath);
  if (version === undefined) return unhealthy(`${firecrackerPath} tells no version, so it is no Firecracker`, install);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    return unhealthy(`Firecracker ${version} is too old, ${oldest.join('.')} is needed`, install);
  }
  const jailer = await versionOf(jailerPath);
  if (jailer !== version) {
    return unhealthy(
      `Firecracker is ${version}, its jailer ${jailer ?? 'unknown'}; they must be of one release`,
      install,
    );
  }
  return version;
}

function checkHost({ kvmPath, openHost }: ProbeParts): Finding | undefined {
  if (!isRoot()) {
    const fix = 'run the platform as root, or use isolation "process" or "docker"';
    return unhealthy(
      'the jailer needs root, to give every microVM a user, a root directory and a network of its own',
      fix,
    );
  }
  try {
    closeSync(openSync(kvmPath, constants.O_RDWR));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const fix =
      code === 'ENOENT'
        ? 'load the module (modprobe kvm_intel or kvm_amd); on a virtual machine, switch on nested virtualisation'
        : 'give the platform access to it (root, and the device in its container), and see that virtualisation is on in the firmware';
    return unhealthy(`${kvmPath} cannot be opened${code === '' ? '' : ` (${code})`}`, fix);
  }
  const { cgroups } = openHost();
  const missing = (['memory', 'pids', 'cpu'] as const).filter((role) => !cgroups.enforces.has(role));
  if (missing.length === 0) return undefined;
  return unhealthy(
    `control groups for ${missing.join(', ')} cannot be used here, so Firecracker itself would have no limits`,
    'run the platform as root, or delegate control groups to it (systemd: Delegate=yes)',
  );
}

/** The first line is `Firecracker v1.16.0` or `Jailer v1.16.0`. */
async function versionOf(program: string): Promise<string | undefined> {
  const { stdout } = await promisify(execFile)(program, ['--version'], { timeout: versionTimeoutMs, env: {} });
  return /^(?:Firecracker|Jailer) v(\d+\.\d+\.\d+\S*)$/im.exec(stdout)?.[1];
}

function unhealthy(reason: string, fix: string): Finding {
  return { status: 'unhealthy', reason, fix };
}

function explain(error: unknown): Finding {
  const reason = error instanceof Error ? error.message : String(error);
  const fix = /; (install|give|use|name|free|load) /.test(reason)
    ? reason.slice(reason.indexOf('; ') + 2)
    : 'see docs/drivers/firecracker.md for what this driver needs';
  return unhealthy(reason, fix);
}
