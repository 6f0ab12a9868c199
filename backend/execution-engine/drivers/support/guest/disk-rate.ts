import type { SandboxLimits } from '../../../../core/ports/isolation-driver.ts';

/** How fast a guest may read, and where it has a disk to write to write, each of its disks. */
export interface DiskRate {
  readonly bytesPerSecond: number;
  readonly operationsPerSecond: number;
}

/** Per CPU. Disks are read through the host's cache; more than this is a guest that reads in circles. */
const defaultBytesPerSecondAndCpu = 256 * 1024 * 1024;
const operationsPerSecondAndCpu = 20_000;

/** The rate of each disk of a guest with so many CPUs. */
export function diskRateOf(
  { cpus }: Pick<SandboxLimits, 'cpus'>,
  bytesPerSecondAndCpu = defaultBytesPerSecondAndCpu,
): DiskRate {
  return {
    bytesPerSecond: Math.round(bytesPerSecondAndCpu * cpus),
    operationsPerSecond: Math.round(operationsPerSecondAndCpu * cpus),
  };
}

/** The same as options of QEMU's `-drive`: beyond it requests wait in QEMU. */
export function throttling({ bytesPerSecond, operationsPerSecond }: DiskRate): string {
  return `throttling.bps-total=${bytesPerSecond},throttling.iops-total=${operationsPerSecond}`;
}
