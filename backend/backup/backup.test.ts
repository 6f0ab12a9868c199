import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { create, extract } from 'tar';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../shared/ids.ts';
import { functionRecord, versionRecord } from '../../tests/conformance/store-records.ts';
import { testClock, testLogger } from '../../tests/conformance/store-support.ts';
import type { BundleStore } from '../core/ports/bundle-store.ts';
import type { Store } from '../core/ports/store.ts';
import { migrations } from '../database/migrations/table.ts';
import { inspectDatabase } from '../database/sqlite/copy-database.ts';
import { openSqliteStore } from '../database/sqlite/open-sqlite-store.ts';
import { DirectoryBundleStore } from '../execution-engine/builder/directory-bundle-store.ts';
import { ArchiveWriter } from './archive-writer.ts';
import { refuseUnfinishedRestore, restoreBackup } from './restore.ts';

let folder: string;
let source: string;
let target: string;
let store: Store;
let bundles: BundleStore;
let writer: ArchiveWriter;
const open = (path: string) => openSqliteStore({ path, clock: testClock, logger: testLogger });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hearth-backup-'));
  source = join(folder, 'source');
  target = join(folder, 'target');
  for (const path of [source, target]) mkdirSync(path);
  store = await open(join(source, 'hearth.db'));
  await store.migrate();
  bundles = new DirectoryBundleStore({ directory: join(source, 'bundles') });
  const secretsKeyId = () => 'key_1';
  writer = new ArchiveWriter({
    dataDirectory: source,
    store,
    bundles,
    version: '9.9.9',
    secretsKeyId,
    clock: testClock,
  });
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

/** A function with one version and a real bundle. */
async function deploy(name: string, code: string) {
  const upload = join(folder, `upload-${name}`);
  mkdirSync(join(upload, 'lib'), { recursive: true });
  writeFileSync(join(upload, 'index.mjs'), code);
  writeFileSync(join(upload, 'lib/run'), '#!/bin/sh\n', { mode: 0o755 });
  const image = await bundles.put(upload);
  const record = functionRecord(name, { latestVersion: 1 });
  await store.functions.create(record);
  await store.versions.create(versionRecord(record.id, 1, { digest: image.digest, fileCount: image.fileCount }));
  return { record, image };
}

async function archive(): Promise<Buffer> {
  const backup = await writer.prepare();
  const bytes = await buffer(backup.archive);
  await backup.released;
  return bytes;
}

const optionsOf = (file: string) => ({
  file,
  dataDirectory: target,
  databasePath: join(target, 'hearth.db'),
  knownSchema: migrations.map(({ name }) => name),
  inspectDatabase,
  openBundles: (directory: string) => new DirectoryBundleStore({ directory }),
});
function restore(bytes: Buffer, more: Partial<ReturnType<typeof optionsOf>> = {}) {
  const file = join(folder, 'backup.tar.gz');
  writeFileSync(file, bytes);
  return restoreBackup({ ...optionsOf(file), ...more });
}

/** A run of zeros may be encoded as a repetition of either of two earlier ones: then a damaged byte says the same. */
function isSameContent(damaged: Buffer, whole: Buffer): boolean {
  try {
    return gunzipSync(damaged).equals(gunzipSync(whole));
  } catch {
    return false;
  }
}

/** The same archive after a change of what is in it. */
async function altered(bytes: Buffer, change: (unpacked: string) => void): Promise<Buffer> {
  const unpacked = await mkdtemp(join(folder, 'altered-'));
  const file = join(folder, 'before.tar.gz');
  writeFileSync(file, bytes);
  await extract({ file, cwd: unpacked });
  change(unpacked);
  return gzipSync(await buffer(create({ cwd: unpacked, portable: true }, readdirSync(unpacked)) as never));
}

describe('a backup', () => {
  it('brings back every row and bundle, as they were, and leaves no temporary files', async () => {
    const hello = await deploy('hello', 'export const handler = () => 1;');
    const other = await deploy('other', 'export const handler = () => 2;');
    const manifest = await restore(await archive());
    expect(manifest).toMatchObject({ format: 1, hearthVersion: '9.9.9', secretsKeyId: 'key_1' });
    expect(manifest.bundles).toEqual([hello.image.digest, other.image.digest].sort());
    expect(readdirSync(target).sort()).toEqual(['bundles', 'hearth.db']);
    expect(readdirSync(source)).not.toContain('.backup');
    expect(statSync(join(target, 'hearth.db')).mode & 0o777).toBe(0o600);
    const restored = await open(join(target, 'hearth.db'));
    expect(await restored.migrate()).toEqual([]);
    expect(await restored.functions.all()).toEqual(await store.functions.all());
    expect(await restored.versions.all()).toEqual(await store.versions.all());
    await restored.close();
    const image = await new DirectoryBundleStore({ directory: join(target, 'bundles') }).open(hello.image.digest);
    expect(readFileSync(join(image.directory, 'index.mjs'), 'utf8')).toBe('export const handler = () => 1;');
    expect(statSync(join(image.directory, 'lib/run')).mode & 0o777).toBe(0o555);
    expect(statSync(image.directory).mode & 0o777).toBe(0o755);
  });

  it('holds bundles that versions name and no others, and nothing of what was deleted', async () => {
    const gone = await deploy('gone', 'a text that must not stay anywhere');
    await store.functions.remove(gone.record.id, undefined);
    await deploy('hello', 'export const handler = () => 1;');
    const bytes = gunzipSync(await archive());
    expect(bytes.includes(gone.image.digest)).toBe(false);
    expect(bytes.includes('a text that must not stay anywhere')).toBe(false);
  });

  it('is refused when a bundle is damaged, and cleans up', async () => {
    const { image } = await deploy('hello', 'export const handler = () => 1;');
    await rm(join(image.directory, 'index.mjs'));
    await expect(writer.prepare()).rejects.toMatchObject({ code: 'bundle_corrupt' });
    expect(existsSync(join(source, '.backup'))).toBe(false);
  });

  it('cleans up after a reader that went away', async () => {
    await deploy('hello', 'export const handler = () => 1;');
    const backup = await writer.prepare();
    backup.archive.destroy();
    await backup.released;
    expect(existsSync(join(source, '.backup'))).toBe(false);
  });
});

describe('a restore refuses', () => {
  const nothingHappened = () => expect(readdirSync(target)).toEqual([]);

  it('an archive that is cut off, anywhere', async () => {
    await deploy('hello', 'export const handler = () => 1;');
    const bytes = await archive();
    const cuts = [0, 1, 10, 200, bytes.length >> 2, bytes.length >> 1, bytes.length - 9, bytes.length - 1];
    for (const length of cuts) {
      await expect(restore(bytes.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({
        kind: 'unprocessable',
        code: 'backup_corrupt',
      });
      nothingHappened();
    }
  });

  it('an archive with a byte that changed, anywhere', async () => {
    await deploy('hello', 'export const handler = () => 1;');
    const bytes = await archive();
    // Not gzip's header, whose time and flags say nothing about the content.
    for (let part = 1; part <= 12; part++) {
      const damaged = Buffer.from(bytes);
      const at = Math.min(bytes.length - 1, 10 + Math.floor(((bytes.length - 10) * part) / 12));
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      if (isSameContent(damaged, bytes)) continue;
      await expect(restore(damaged), `byte ${at}`).rejects.toMatchObject({ code: 'backup_corrupt' });
      nothingHappened();
    }
  });

  it('an archive that is whole but was altered', async () => {
    const { image } = await deploy('hello', 'export const handler = () => 1;');
    const bytes = await archive();
    const bundle = (unpacked: string) => join(unpacked, 'bundles', image.digest);
    const changes: Record<string, (unpacked: string) => void> = {
      'a file of a bundle': (unpacked) => writeFileSync(join(bundle(unpacked), 'index.mjs'), 'export const x = 1;'),
      'a file too many in a bundle': (unpacked) => writeFileSync(join(bundle(unpacked), 'more.mjs'), ''),
      'a bundle too many': (unpacked) => mkdirSync(join(unpacked, 'bundles', 'a'.repeat(64))),
      'an entry that no backup has': (unpacked) => writeFileSync(join(unpacked, 'secrets.key'), 'k'),
      'another database': (unpacked) => writeFileSync(join(unpacked, 'hearth.db'), 'x'),
      'a manifest that is not JSON': (unpacked) => writeFileSync(join(unpacked, 'manifest.json'), '{'),
      'a manifest without bundles': (unpacked) => {
        const path = join(unpacked, 'manifest.json');
        writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), bundles: [] }));
      },
    };
    for (const [what, change] of Object.entries(changes)) {
      const error = restore(await altered(bytes, change));
      await expect(error, what).rejects.toMatchObject({ code: 'backup_corrupt' });
      nothingHappened();
    }
    expect(await restore(await altered(bytes, () => undefined))).toMatchObject({ bundles: [image.digest] });
  });

  it('a backup of a newer schema, or of a newer format', async () => {
    await deploy('hello', 'x');
    const bytes = await archive();
    const older = { knownSchema: [migrations[0]?.name ?? ''] };
    await expect(restore(bytes, older)).rejects.toMatchObject({ kind: 'unavailable', code: 'schema_too_new' });
    const later = await altered(bytes, (unpacked) => writeFileSync(join(unpacked, 'manifest.json'), '{"format": 2}'));
    await expect(restore(later)).rejects.toMatchObject({ code: 'schema_too_new' });
    nothingHappened();
  });

  it('a folder that is not empty, and touches nothing in it; a key may lie there', async () => {
    await deploy('hello', 'x');
    const bytes = await archive();
    writeFileSync(join(target, 'something'), 'mine');
    await expect(restore(bytes)).rejects.toMatchObject({ kind: 'conflict', code: 'data_folder_not_empty' });
    expect(readdirSync(target)).toEqual(['something']);
    await rm(join(target, 'something'));
    writeFileSync(join(target, 'secrets.key'), 'key');
    await restore(bytes);
    await expect(restore(bytes)).rejects.toMatchObject({ code: 'data_folder_not_empty' });
    expect(readdirSync(target).sort()).toEqual(['bundles', 'hearth.db', 'secrets.key']);
  });

  it('a file that is not there', async () => {
    const missing = optionsOf(join(folder, newId('token')));
    await expect(restoreBackup(missing)).rejects.toMatchObject({ code: 'backup_unreadable' });
  });
});

describe('an interrupted restore', () => {
  it('lets nothing start, and the next restore begins anew', async () => {
    await deploy('hello', 'x');
    const bytes = await archive();
    // As a kill between the two renames leaves it.
    mkdirSync(join(target, '.restoring/unpacked'), { recursive: true });
    mkdirSync(join(target, 'bundles/half'), { recursive: true });
    const refusal = refuseUnfinishedRestore(target, join(target, 'hearth.db'));
    await expect(refusal).rejects.toMatchObject({ kind: 'unavailable', code: 'restore_unfinished' });
    const { bundles: digests } = await restore(bytes);
    expect(readdirSync(join(target, 'bundles'))).toEqual(digests);
    await refuseUnfinishedRestore(target, join(target, 'hearth.db'));
  });

  it('that had only its temporary files left is complete', async () => {
    await deploy('hello', 'x');
    await restore(await archive());
    mkdirSync(join(target, '.restoring'));
    await refuseUnfinishedRestore(target, join(target, 'hearth.db'));
    expect(readdirSync(target).sort()).toEqual(['bundles', 'hearth.db']);
  });
});
