import BetterSqlite3 from 'better-sqlite3';
import { PlatformError } from '../../../shared/errors.ts';
import type { BundleDigest } from '../../../shared/ids.ts';
import type { StoreCopy } from '../../core/ports/backups.ts';
import type { SqlValue, StepResult } from '../sql-session.ts';
import type { WorkerChannel } from './worker-channel.ts';

const schemaQuery = 'select name from schema_migrations order by name';
/** Versions of container images name no bundle of ours, and have no files. */
const digestsQuery = 'select distinct digest from versions where file_count > 0';

/**
 * Writes one state of the database to `target`, which must not exist, in a thread of its own: readers and writers go on, and what was
 * deleted earlier is not in the copy. `open` opens a thread that reads the file that it is given.
 */
export async function copyDatabase(
  source: string,
  target: string,
  open: (path: string) => Promise<WorkerChannel>,
): Promise<StoreCopy> {
  await using(await open(source), async (channel) => await channel.run([step('vacuum into ?', target)]));
  return await using(await open(target), async (channel) => {
    const [schema, digests] = await channel.run([step(schemaQuery), step(digestsQuery)]);
    return { schema: firstColumn(schema), digests: new Set(firstColumn(digests) as BundleDigest[]) };
  });
}

/** What a database holds that nobody uses, after a look at every page of it. Throws what SQLite throws, or `storage_corrupt`. */
export function inspectDatabase(path: string): StoreCopy {
  const database = new BetterSqlite3(path, { readonly: true, fileMustExist: true });
  try {
    const verdict = database.pragma('integrity_check(1)', { simple: true });
    if (verdict !== 'ok') throw new PlatformError('unavailable', 'storage_corrupt', String(verdict));
    const column = (query: string) => database.prepare(query).pluck().all() as string[];
    return { schema: column(schemaQuery), digests: new Set(column(digestsQuery) as BundleDigest[]) };
  } finally {
    database.close();
  }
}

async function using<T>(channel: WorkerChannel, work: (channel: WorkerChannel) => Promise<T>): Promise<T> {
  try {
    return await work(channel);
  } finally {
    await channel.close();
  }
}

const step = (sql: string, ...parameters: readonly SqlValue[]) => ({ sql, parameters, skipWhenNone: 0 });

function firstColumn(result: StepResult | undefined): string[] {
  return (result?.rows ?? []).map((row) => String(row[0]));
}
