import type { BundleDigest, FunctionId, VersionId } from '../../shared/ids.ts';
import type { VersionConfig } from '../../shared/version-config.ts';

/** Everything that the execution engine needs to know of a version; immutable, held in memory, compared by id. */
export interface VersionSpec {
  readonly versionId: VersionId;
  readonly functionId: FunctionId;
  readonly functionName: string;
  readonly version: number;
  readonly digest: BundleDigest;
  readonly config: VersionConfig;
}
