import type { InstalledPackages } from '../../shared/api/functions.ts';
import { PlatformError } from '../../shared/errors.ts';
import { shortNameOf } from '../../shared/names.ts';
import { parseBuildRecord, recordPath, uploadedPath } from '../core/build-record.ts';
import type { BundleStore } from '../core/ports/bundle-store.ts';
import type { Page, PageRequest, Store, VersionRecord } from '../core/ports/store.ts';
import type { FunctionEntry, InMemoryFunctionDirectory } from './function-directory.ts';

export interface VersionsOptions {
  readonly store: Pick<Store, 'versions'>;
  readonly directory: InMemoryFunctionDirectory;
  readonly bundles: Pick<BundleStore, 'files'>;
}

export interface RecentFilter {
  readonly project: string;
  /** The full name. */
  readonly functionName: string | undefined;
  /** Clock.now ms; half-open [from, to). */
  readonly from: number;
  readonly to: number;
  readonly limit: number;
}

/** What somebody wrote, and what came to it. */
export interface SourceFiles {
  readonly files: Awaited<ReturnType<BundleStore['files']>>;
  readonly packages: InstalledPackages | null;
}

interface Deployed {
  readonly functionName: string;
  readonly version: VersionRecord;
}

/** Reads versions and the files that they run. */
export class Versions {
  readonly #options: VersionsOptions;

  constructor(options: VersionsOptions) {
    this.#options = options;
  }

  /** Newest first. */
  async list(name: string, page: PageRequest): Promise<Page<VersionRecord> & { readonly entry: FunctionEntry }> {
    const entry = this.#options.directory.get(name);
    return { entry, ...(await this.#options.store.versions.list(entry.record.id, page)) };
  }

  /** Throws `not_found` (`function_not_found`, `version_not_found`). */
  get(name: string, number: number): { readonly entry: FunctionEntry; readonly version: VersionRecord } {
    const entry = this.#options.directory.get(name);
    return { entry, version: versionOf(entry, number) };
  }

  /**
   * The newest versions of a project's functions (or of one) in [from, to), newest first, from memory. Throws
   * `not_found`/`function_not_found`.
   */
  recent(filter: RecentFilter): { readonly items: readonly Deployed[]; readonly isComplete: boolean } {
    const { directory } = this.#options;
    const entries =
      filter.functionName === undefined ? directory.entriesOf(filter.project) : [directory.get(filter.functionName)];
    const found: Deployed[] = [];
    for (const entry of entries) {
      for (const version of entry.versions.values()) {
        const isIn = version.createdAt >= filter.from && version.createdAt < filter.to;
        if (isIn) found.push({ functionName: entry.record.name, version });
      }
    }
    found.sort((a, b) => b.version.createdAt - a.version.createdAt || b.version.version - a.version.version);
    return { items: found.slice(0, filter.limit), isComplete: found.length <= filter.limit };
  }

  /**
   * The files of a version as they were uploaded, with those that a build made and noted down nothing about, and what it installed; none of a version
   * that is a container image.
   */
  async files(name: string, number: number): Promise<SourceFiles> {
    const { bundles } = this.#options;
    const { digest, config } = this.get(name, number).version;
    if (config.image !== null) return { files: [], packages: null };
    const [noted] = await bundles.files(digest, (path) => path === recordPath);
    const record = parseBuildRecord(noted?.text);
    if (record === undefined) return { files: await bundles.files(digest), packages: null };
    const kept = await bundles.files(digest, (path) => uploadedPath(record, path) !== undefined);
    const files = kept.map((file) => ({ ...file, path: uploadedPath(record, file.path) ?? file.path }));
    return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), packages: record.packages };
  }
}

/** Throws `not_found`/`version_not_found`. */
export function versionOf(entry: FunctionEntry, number: number): VersionRecord {
  const version = entry.versions.get(number);
  if (version !== undefined) return version;
  throw new PlatformError(
    'not_found',
    'version_not_found',
    `function ${shortNameOf(entry.record.name)} has no version ${number}`,
  );
}
