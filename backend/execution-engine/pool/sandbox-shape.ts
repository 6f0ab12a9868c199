import type { RuntimeName, VersionConfig } from '../../../shared/version-config.ts';
import type { DriverName, SandboxLimits } from '../../core/ports/isolation-driver.ts';
import type { VersionSpec } from '../../core/version.ts';

/** What must agree for a generic sandbox to become an instance of a version. */
export interface SandboxShape {
  /** Equal for equal shapes. */
  readonly key: string;
  readonly driver: DriverName;
  readonly runtime: RuntimeName;
  readonly limits: SandboxLimits;
}

type ShapeConfig = Pick<VersionConfig, 'memoryMb' | 'cpus' | 'maxPids' | 'tmpMb' | 'egress'>;

export function shapeOf(driver: DriverName, runtime: RuntimeName, config: ShapeConfig): SandboxShape {
  const { memoryMb, cpus, maxPids, tmpMb } = config;
  // With an allow-list there is no network inside at all: what is allowed goes through the channel.
  const egress = typeof config.egress === 'string' ? config.egress : 'none';
  const key = `${driver} ${runtime} ${memoryMb} ${cpus} ${maxPids} ${tmpMb} ${egress}`;
  return { key, driver, runtime, limits: { memoryMb, cpus, maxPids, tmpMb, egress } };
}

export function shapeOfVersion(version: VersionSpec): SandboxShape {
  return shapeOf(version.config.isolation, version.config.runtime, version.config);
}
