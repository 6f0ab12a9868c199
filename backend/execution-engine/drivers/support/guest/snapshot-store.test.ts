import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../../../../shared/ids.ts';
import { MiB } from '../../../../../shared/limits.ts';
import type { SnapshotName } from '../../../../core/ports/snapshot-driver.ts';
import { copyMemory } from './copy-memory.ts';
import { GuestMemory } from './guest-memory.ts';
import { SnapshotStore } from './snapshot-store.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-memory-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const sizeBytes = 3 * MiB + 4096;
const far = 2 * MiB + 70_000;

function textAt(memory: GuestMemory, at: number): string {
  const bytes = Buffer.alloc(4);
  readSync(memory.descriptor, bytes, 0, 4, at);
  return bytes.toString('latin1');
}

describe('memory of guests', () => {
  it('begins with zeros, and whoever has it open may write', async () => {
    const memory = await GuestMemory.make(directory, sizeBytes);
    expect(textAt(memory, far)).toBe('\0\0\0\0');
    writeSync(memory.descriptor, 'live', far);
    expect(textAt(memory, far)).toBe('live');
    const { descriptor } = memory;
    memory.close();
    memory.close();
    expect(() => closeSync(descriptor)).toThrow('EBADF');
    expect(() => memory.descriptor).toThrow('given up');
  });

  it('is copied from wherever it begins in a descriptor, without what is zero, and not when that ends too early', async () => {
    const from = await GuestMemory.make(directory, sizeBytes + 4096);
    const to = await GuestMemory.make(directory, sizeBytes);
    writeSync(from.descriptor, 'data', far + 4096);
    writeSync(from.descriptor, 'last', sizeBytes + 4096 - 4);
    const source = { descriptor: from.descriptor, offset: 4096, sizeBytes };
    expect(await copyMemory(source, to.descriptor)).toBeLessThan(sizeBytes / 2);
    expect([textAt(to, far), textAt(to, sizeBytes - 4)]).toEqual(['data', 'last']);
    await expect(copyMemory({ ...source, offset: 8192 }, to.descriptor)).rejects.toThrow('ends too early');
    from.close();
    to.close();
  });

  it('cannot be changed once it is sealed, not even by one who may open it for writing', async () => {
    const memory = await GuestMemory.make(directory, sizeBytes, async (descriptor) => {
      writeSync(descriptor, 'kept', far);
    });
    const again = openSync(`/proc/self/fd/${memory.descriptor}`, 'r+');
    expect(() => writeSync(again, 'lost', far)).toThrow('EPERM');
    closeSync(again);
    expect(textAt(memory, far)).toBe('kept');
    memory.close();
  });

  it('leaves nothing behind when it cannot be filled, and says so when there is no place for its program', async () => {
    const fails = () => Promise.reject(new Error('no'));
    await expect(GuestMemory.make(directory, 4096, fails)).rejects.toMatchObject({ code: 'guest_memory' });
    writeFileSync(join(directory, 'file'), '');
    await expect(GuestMemory.make(join(directory, 'file', 'below'), 4096)).rejects.toThrow();
  });
});

describe('the store of snapshots', () => {
  const name = (loadedWith = 'a'): SnapshotName => ({ versionId: newId('version'), loadedWith });
  const open = (maxDiskBytes = 64 * MiB): SnapshotStore =>
    new SnapshotStore({
      directory: join(directory, 'snapshots'),
      programDirectory: directory,
      maxDiskBytes,
      onLost: (error) => {
        throw error;
      },
    });
  const keep = async (store: SnapshotStore, own: SnapshotName, fit = 'this host'): Promise<void> => {
    const memory = await GuestMemory.make(directory, sizeBytes);
    writeSync(memory.descriptor, 'data', far);
    writeSync(memory.descriptor, 'last', sizeBytes - 4);
    const kept = await store.keep(own, fit, { memory, state: Buffer.from('state'), hasCode: true });
    // What the guest does later is not in it.
    writeSync(memory.descriptor, 'more', far);
    memory.close();
    expect(kept).toBeLessThan(200_000);
    store.writeOut(own);
  };
  const folders = (): readonly string[] => readdirSync(join(directory, 'snapshots'));

  it('gives back what it got, also after a restart, and takes little disk for zeros', async () => {
    const own = name();
    const first = open();
    expect(first.has(own)).toBe(false);
    await keep(first, own);
    for (const store of [first, open()]) {
      expect(store.has(own)).toBe(true);
      const loaded = await store.load(own, 'this host');
      expect(loaded).toMatchObject({ hasCode: true, state: Buffer.from('state') });
      expect([textAt(loaded.memory, far), textAt(loaded.memory, sizeBytes - 4)]).toEqual(['data', 'last']);
      expect(await store.load(own, 'this host')).toBe(loaded);
      await store.close();
    }
    const [folder = ''] = folders();
    expect(statSync(join(directory, 'snapshots', folder, 'memory')).blocks * 512).toBeLessThan(MiB);
  });

  it('keeps one per version, and drops it with everything of the version', async () => {
    const store = open();
    const own = name('before a secret was changed');
    await keep(store, own);
    const next = { ...own, loadedWith: 'after it was' };
    expect(store.has(next)).toBe(false);
    await keep(store, next);
    await store.sweep(Date.now());
    expect(folders()).toHaveLength(1);
    expect(store.has(next)).toBe(true);
    await store.drop(own.versionId);
    expect([store.has(own), store.has(next), folders()]).toEqual([false, false, []]);
    await store.close();
  });

  it.each([
    ['another host', async () => undefined, 'elsewhere'],
    ['less state than there was', (path: string) => writeFileSync(join(path, 'state'), 'stat'), 'this host'],
    ['no memory', (path: string) => rmSync(join(path, 'memory')), 'this host'],
    ['no sense in the manifest', (path: string) => writeFileSync(join(path, 'state.json'), '{"schema":'), 'this host'],
  ])('refuses and drops: %s', async (_what, damage, fit) => {
    const own = name();
    const first = open();
    await keep(first, own);
    await first.close();
    await damage(join(directory, 'snapshots', folders()[0] ?? ''));
    const store = open();
    await expect(store.load(own, fit)).rejects.toMatchObject({ code: 'snapshot_unusable' });
    expect([store.has(own), folders()]).toEqual([false, []]);
  });

  it('sweeps what was not used for long, and the longest unused when there is too much', async () => {
    const store = open();
    const names = [name(), name(), name()];
    const unusedSeconds = [20 * 86_400, 7200, 60];
    for (const each of names) await keep(store, each);
    await store.close();
    for (const [index, { versionId }] of names.entries()) {
      const folder = folders().find((found) => found.startsWith(`${versionId}.`)) ?? '';
      const at = Date.now() / 1000 - (unusedSeconds[index] ?? 0);
      utimesSync(join(directory, 'snapshots', folder), at, at);
    }
    const there = () => names.map((each) => store.has(each));
    expect(await open().sweep(Date.now())).toHaveLength(1);
    expect(there()).toEqual([false, true, true]);
    await open(100_000).sweep(Date.now());
    expect(there()).toEqual([false, false, true]);
  });
});
