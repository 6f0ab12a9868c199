import { PlatformError } from '../../../shared/errors.ts';
import type { BundleDigest, FunctionId } from '../../../shared/ids.ts';
import { defaultVersionConfig, type VersionConfig } from '../../../shared/version-config.ts';
import type { Page, PageRequest, VersionRecord, VersionStore } from '../../core/ports/store.ts';
import { fromJson } from '../columns.ts';
import { decodeCursor, encodeCursor, pageOf } from '../cursor.ts';
import type { SqlSession } from '../sql-session.ts';
import type { VersionRow } from '../tables.ts';

/** Table `versions`. Rows are never changed. */
export class VersionModel implements VersionStore {
  readonly #session: SqlSession;

  constructor(options: { readonly session: SqlSession }) {
    this.#session = options.session;
  }

  /** Rejects with `conflict`/`version_exists`, or `not_found`/`function_not_found` when the function is gone. */
  async create(record: VersionRecord): Promise<void> {
    const inserted = await this.#session.db
      .insertInto('versions')
      .values(toRow(record))
      .onConflict((on) => on.columns(['function_id', 'version']).doNothing())
      .returning('id')
      .executeTakeFirst();
    if (inserted !== undefined) return;
    throw new PlatformError('conflict', 'version_exists', `Version ${record.version} exists already; deploy again.`);
  }

  async find(functionId: FunctionId, version: number): Promise<VersionRecord | undefined> {
    const row = await this.#session.db
      .selectFrom('versions')
      .selectAll()
      .where('function_id', '=', functionId)
      .where('version', '=', version)
      .executeTakeFirst();
    return row && toRecord(row);
  }

  async list(functionId: FunctionId, page: PageRequest): Promise<Page<VersionRecord>> {
    const key = decodeCursor('versions', ['n'], page.cursor);
    let query = this.#session.db
      .selectFrom('versions')
      .selectAll()
      .where('function_id', '=', functionId)
      .orderBy('version', 'desc')
      .limit(page.limit + 1);
    if (key !== undefined) query = query.where('version', '<', Number(key[0]));
    return pageOf(await query.execute(), page.limit, toRecord, (row) => encodeCursor('versions', [row.version]));
  }

  async all(): Promise<readonly VersionRecord[]> {
    const rows = await this.#session.db
      .selectFrom('versions')
      .selectAll()
      .orderBy('function_id')
      .orderBy('version')
      .execute();
    return rows.map(toRecord);
  }

  async digests(): Promise<ReadonlySet<BundleDigest>> {
    const rows = await this.#session.db.selectFrom('versions').select('digest').distinct().execute();
    return new Set(rows.map((row) => row.digest));
  }
}

function toRow(record: VersionRecord): VersionRow {
  return {
    id: record.id,
    function_id: record.functionId,
    version: record.version,
    digest: record.digest,
    size_bytes: record.sizeBytes,
    file_count: record.fileCount,
    config: JSON.stringify(record.config),
    message: record.message,
    created_at: record.createdAt,
    created_by: record.createdBy,
  };
}

function toRecord(row: VersionRow): VersionRecord {
  return {
    id: row.id,
    functionId: row.function_id,
    version: row.version,
    digest: row.digest,
    sizeBytes: row.size_bytes,
    fileCount: row.file_count,
    config: storedConfig(fromJson<Partial<VersionConfig>>(row.config)),
    message: row.message,
    createdAt: row.created_at,
    createdBy: row.created_by,
  };
}

/** Versions from before a field existed get what it means to say nothing. */
function storedConfig(stored: Partial<VersionConfig>): VersionConfig {
  const { runtime = 'nodejs', isolation = 'process' } = stored;
  const defaults = defaultVersionConfig(runtime, isolation);
  return { ...defaults, ...stored, batch: { ...defaults.batch, ...stored.batch } };
}
