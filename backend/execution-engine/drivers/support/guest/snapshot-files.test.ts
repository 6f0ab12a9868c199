import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../../../../shared/ids.ts';
import { MiB } from '../../../../../shared/limits.ts';
import { SnapshotFiles } from './snapshot-files.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-snapshot-files-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const sizeBytes = 3 * MiB;
const parts = { state: Buffer.from('devices'), hasCode: true, fit: 'this host' };
const own = { versionId: newId('version'), loadedWith: 'a' };

describe('snapshots as files', () => {
  const place = (): string => join(directory, 'snapshots');
  const open = (maxDiskBytes = 64 * MiB): SnapshotFiles => new SnapshotFiles({ directory: place(), maxDiskBytes });
  const keep = async (store: SnapshotFiles, name = own): Promise<number> => {
    const descriptor = openSync(join(directory, 'written'), 'w+');
    ftruncateSync(descriptor, sizeBytes);
    writeSync(descriptor, 'data', 2 * MiB);
    const kept = await store.keep(name, parts, { descriptor, sizeBytes });
    // Whoever wrote it may have it open.
    writeSync(descriptor, 'evil', 2 * MiB);
    closeSync(descriptor);
    return kept;
  };

  it('are copies that nobody can look at or change, and hold no zeros', async () => {
    const store = open();
    expect(await keep(store)).toBeLessThan(100_000);
    for (const each of [store, open()]) {
      const { memoryPath, state, hasCode } = await each.load(own, 'this host');
      expect([state.toString(), hasCode]).toEqual(['devices', true]);
      expect(readFileSync(memoryPath).toString('latin1', 2 * MiB, 2 * MiB + 4)).toBe('data');
      expect(statSync(memoryPath).mode & 0o777).toBe(0o444);
      expect(statSync(memoryPath).blocks * 512).toBeLessThan(MiB);
    }
    expect(statSync(place()).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['another host', () => undefined, 'elsewhere'],
    ['memory that has changed', (path: string) => writeFileSync(join(path, 'memory'), 'other'), 'this host'],
    ['other state', (path: string) => writeFileSync(join(path, 'state'), 'device!'), 'this host'],
    ['no memory', (path: string) => rmSync(join(path, 'memory')), 'this host'],
  ])('are refused and dropped after a restart: %s', async (_what, damage, fit) => {
    await keep(open());
    damage(join(place(), readdirSync(place())[0] ?? ''));
    const store = open();
    await expect(store.load(own, fit)).rejects.toMatchObject({ code: 'snapshot_unusable' });
    expect([store.has(own), readdirSync(place())]).toEqual([false, []]);
  });

  it('make room for the latest when there are too many', async () => {
    const store = open(100_000);
    await keep(store);
    const next = { ...own, versionId: newId('version') };
    await new Promise((resolve) => setTimeout(resolve, 20));
    await keep(store, next);
    expect([store.has(own), store.has(next)]).toEqual([false, true]);
    await expect(store.load(own, 'this host')).rejects.toMatchObject({ code: 'snapshot_unusable' });
  });
});
