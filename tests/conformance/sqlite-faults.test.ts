import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../backend/database/sqlite/open-sqlite-store.ts';
import type { InvocationId } from '../../shared/ids.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { newItem } from './store-records.ts';
import { testClock, testLogger } from './store-support.ts';

const kills = 20;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hearth-faults-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (path: string) => openSqliteStore({ path, clock: testClock, logger: testLogger });

describe('a platform that is killed while it writes', () => {
  it(`loses nothing that it acknowledged, ${kills} times in a row`, { timeout: 600_000 }, async () => {
    const path = join(folder, 'hearth.db');
    const acknowledged: string[] = [];
    for (let round = 0; round < kills; round++) acknowledged.push(...(await acknowledgedUntilKilled(path, round)));
    expect(acknowledged.length).toBeGreaterThan(kills * 5);
    const store = await open(path);
    for (const id of acknowledged) {
      expect(await store.invocations.find(id as InvocationId)).toMatchObject({ status: 'queued' });
    }
    expect(await store.queue.depth()).toBeGreaterThanOrEqual(acknowledged.length);
    await store.close();
    const database = new BetterSqlite3(path, { readonly: true });
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(database.pragma('foreign_key_check')).toEqual([]);
    database.close();
  });
});

/** Starts a process that prints the id of every enqueue that was acknowledged, and kills it at some point. */
async function acknowledgedUntilKilled(path: string, round: number): Promise<string[]> {
  const writer = join(import.meta.dirname, 'sqlite-writer.ts');
  const child = spawn(process.execPath, [writer, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const lines = () => output.split('\n').length - 1;
  const enough = 5 + round * 3;
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (text: Buffer) => {
      output += text.toString();
      if (lines() >= enough) resolve();
    });
    child.once('exit', () => reject(new Error('the writer ended by itself')));
  });
  child.removeAllListeners('exit');
  child.kill('SIGKILL');
  await once(child, 'close');
  return output.split('\n').slice(0, -1);
}

const rootNeeded = process.getuid?.() === 0 ? undefined : 'mounting a small file system needs root';

describe.skipIf(rootNeeded !== undefined)(`a disk that is full${skippedFor(rootNeeded)}`, () => {
  let mount: string;
  beforeEach(async () => {
    mount = join(folder, 'disk');
    await mkdir(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', mount]);
  });
  afterEach(() => {
    execFileSync('umount', ['--lazy', mount]);
  });

  it('fails writes with what to do, keeps reads, and recovers when there is room', async () => {
    const ballast = join(mount, 'ballast');
    await writeFile(ballast, Buffer.alloc(1_000_000));
    const store = await open(join(mount, 'hearth.db'));
    await store.migrate();
    const written: InvocationId[] = [];
    const refusal = await (async () => {
      for (let i = 0; i < 10_000; i++) {
        const item = newItem({ payload: Buffer.alloc(20_000, 97) });
        try {
          await store.queue.enqueue(item);
        } catch (error) {
          return error;
        }
        written.push(item.id);
      }
      return undefined;
    })();
    expect(refusal).toMatchObject({
      kind: 'unavailable',
      code: 'storage_full',
      retryAfterSeconds: expect.any(Number),
      message: expect.stringContaining('free space'),
    });
    expect(written.length).toBeGreaterThan(3);
    const large = newItem({ payload: Buffer.alloc(200_000, 97) });
    const group = await Promise.allSettled(Array.from({ length: 5 }, () => store.queue.enqueue({ ...large })));
    expect(group.every((result) => result.status === 'rejected')).toBe(true);
    expect(await store.queue.depth()).toBe(written.length);
    for (const id of written) expect((await store.invocations.find(id))?.payload?.length).toBe(20_000);
    await rm(ballast);
    const deadline = Date.now() + 60_000;
    for (;;) {
      const isWell = await store.check().then(
        () => true,
        () => false,
      );
      if (isWell) break;
      expect(Date.now()).toBeLessThan(deadline);
      await wait(50);
    }
    await store.queue.enqueue(newItem());
    expect(await store.queue.depth()).toBe(written.length + 1);
    await store.close();
    const database = new BetterSqlite3(join(mount, 'hearth.db'));
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
    database.close();
  });
});
