import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PlatformError } from '../../../shared/errors.ts';
import { newId } from '../../../shared/ids.ts';
import { functionRecord, invocationRecord, newItem } from '../../../tests/conformance/store-records.ts';
import { testClock, testLogger } from '../../../tests/conformance/store-support.ts';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import type { Store } from '../../core/ports/store.ts';
import { initialMigration } from '../migrations/0001-initial.ts';
import { migrations } from '../migrations/table.ts';
import { defaultWorkerUrl, openSqliteStore, type SqliteStoreOptions } from './open-sqlite-store.ts';

let folder: string;
let path: string;
const open = (over: Partial<SqliteStoreOptions> = {}): Promise<Store> =>
  openSqliteStore({ path, clock: testClock, logger: testLogger, ...over });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hearth-sqlite-'));
  path = join(folder, 'data', 'hearth.db');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('opening', () => {
  it('makes a database that only its owner can read, and finds everything again', async () => {
    const store = await open();
    expect(await store.migrate()).toEqual(migrations.map((migration) => migration.name));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(`${path}-wal`)).mode & 0o777).toBe(0o600);
    const record = functionRecord('resize');
    await store.functions.create(record);
    await store.close();
    await expect(stat(`${path}-wal`)).rejects.toMatchObject({ code: 'ENOENT' });
    const again = await open();
    expect(await again.migrate()).toEqual([]);
    expect(await again.functions.all()).toEqual([record]);
    await again.close();
  });

  it('refuses a second platform on the same data, and says who has it', async () => {
    const store = await open();
    await store.migrate();
    await expect(open()).rejects.toMatchObject({
      kind: 'conflict',
      code: 'data_folder_in_use',
      message: expect.stringContaining(`Process ${process.pid} `),
    });
    await store.check();
    await store.close();
    await (await open()).close();
  });

  it('takes over from a process that was killed', async () => {
    const script = join(folder, 'holder.ts');
    const here = new URL('./open-sqlite-store.ts', import.meta.url).href;
    const support = new URL('../../../tests/conformance/store-support.ts', import.meta.url).href;
    await writeFile(
      script,
      `import { openSqliteStore } from ${JSON.stringify(here)};
       import { testClock, testLogger } from ${JSON.stringify(support)};
       await openSqliteStore({ path: ${JSON.stringify(path)}, clock: testClock, logger: testLogger });
       process.stdout.write('open\\n');
       setInterval(() => {}, 1000);`,
    );
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    await expect(open()).rejects.toMatchObject({
      code: 'data_folder_in_use',
      message: expect.stringContaining(`Process ${child.pid} `),
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (await open()).close();
  });

  it('says what to do with a file that is no database, and with a folder that cannot be made', async () => {
    await writeFile(join(folder, 'text.db'), 'this is not a database, however you look at it '.repeat(200));
    const file = join(folder, 'text.db');
    await expect(open({ path: file })).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'storage_corrupt',
      message: expect.stringContaining(file),
    });
    await expect(open({ path: join(file, 'x', 'hearth.db') })).rejects.toMatchObject({ code: 'storage_failed' });
    await expect(open({ workerUrl: new URL('./nothing.ts', import.meta.url) })).rejects.toMatchObject({
      code: 'storage_failed',
    });
  });

  it('runs from a bundle', async () => {
    const outdir = await mkdtemp(join(import.meta.dirname, '../../../dist-test-'));
    try {
      const entry = (input: string, output: string) =>
        build({
          entryPoints: [new URL(input, import.meta.url).pathname],
          outfile: join(outdir, output),
          bundle: true,
          platform: 'node',
          format: 'esm',
          target: 'node22',
          external: ['better-sqlite3'],
          logLevel: 'silent',
        });
      await Promise.all([entry('./worker.ts', 'sqlite-worker.mjs'), entry('./open-sqlite-store.ts', 'main.mjs')]);
      const bundled = (await import(join(outdir, 'main.mjs'))) as { openSqliteStore: typeof openSqliteStore };
      const store = await bundled.openSqliteStore({ path, clock: testClock, logger: testLogger });
      await store.migrate();
      await store.check();
      await store.close();
    } finally {
      await rm(outdir, { recursive: true });
    }
    expect(defaultWorkerUrl('file:///x/dist/server/main.mjs').href).toBe('file:///x/dist/server/sqlite-worker.mjs');
  });
});

describe('migrating', () => {
  it('refuses a database of a newer Hearth', async () => {
    const newer = { name: '9999-from-the-future', up: async () => {} };
    const future = await open({ migrations: [...migrations, newer] });
    await future.migrate();
    await future.close();
    const store = await open();
    await expect(store.migrate()).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'schema_too_new',
      message: expect.stringContaining('9999-from-the-future'),
    });
    await store.close();
  });

  it('takes as long as it takes', async () => {
    const clock = new ManualClock();
    const slow = { name: '0002-slow', up: async () => clock.advance(3_600_000) };
    const store = await open({ clock, migrations: [initialMigration, slow] });
    expect(await store.migrate()).toEqual([initialMigration.name, slow.name]);
    expect(clock.pendingTimers).toBe(0);
    await store.close();
  });

  it('leaves nothing of a set of migrations that fails', async () => {
    const broken = {
      name: '0002-broken',
      up: async () => {
        throw new Error('broken');
      },
    };
    const store = await open({ migrations: [initialMigration, broken] });
    await expect(store.migrate()).rejects.toThrow('broken');
    await store.close();
    const database = new BetterSqlite3(path);
    expect(database.prepare('select name from sqlite_master').all()).toEqual([]);
    database.close();
    const again = await open();
    expect(await again.migrate()).toEqual(migrations.map((migration) => migration.name));
    await again.close();
  });
});

describe('transactions', () => {
  it('are rolled back when they are not finished in time, and writers go on', async () => {
    const clock = new ManualClock();
    const store = await open({ clock, transactionTimeoutMs: 5000 });
    await store.migrate();
    const outside = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const stalled = store.transaction(async (tx) => {
      await tx.functions.create(functionRecord('inside'));
      // The mistake: waiting for a write that waits for this transaction.
      store.functions.create(functionRecord('outside')).then(outside.resolve, outside.reject);
      begun.resolve();
      await outside.promise;
    });
    await begun.promise;
    clock.advance(4999);
    expect(await store.functions.all()).toEqual([]);
    clock.advance(1);
    await expect(stalled).rejects.toMatchObject({ code: 'transaction_stalled' });
    expect((await store.functions.all()).map((record) => record.name)).toEqual(['outside']);
    expect(clock.pendingTimers).toBe(0);
    await store.close();
  });
});

describe('the log', () => {
  it('stays bounded under writes and reads', async () => {
    const store = await open();
    await store.migrate();
    const body = Buffer.alloc(100_000, 120);
    for (let round = 0; round < 40; round++) {
      await Promise.all(Array.from({ length: 20 }, () => store.queue.enqueue(newItem({ payload: body }))));
      await store.functions.all();
    }
    expect((await stat(path)).size + (await stat(`${path}-wal`)).size).toBeGreaterThan(80_000_000);
    expect((await stat(`${path}-wal`)).size).toBeLessThan(64 * 1024 * 1024);
    await store.close();
  });

  it('does not hold the event loop up while it is flushed', async () => {
    const store = await open();
    await store.migrate();
    let turns = 0;
    let isBusy = true;
    const spin = (): void => {
      turns += 1;
      if (isBusy) setImmediate(spin);
    };
    spin();
    for (let i = 0; i < 20; i++) await store.check();
    isBusy = false;
    // A flush on this thread would let the loop turn a handful of times per write.
    expect(turns).toBeGreaterThan(200);
    await store.close();
  });
});

describe('a delay before flushes', () => {
  it('changes when, not what', async () => {
    const store = await open({ groupCommitMaxDelayMs: 5, maxGroupUnits: 4 });
    await store.migrate();
    await Promise.all(Array.from({ length: 10 }, () => store.queue.enqueue(newItem())));
    expect(await store.queue.depth()).toBe(10);
    await store.close();
  });
});

describe('a database thread that dies', () => {
  it('fails what waits, says so once, and closes', async () => {
    const reasons: PlatformError[] = [];
    const worker = join(folder, 'dying.mjs');
    await writeFile(
      worker,
      `import { parentPort } from 'node:worker_threads';
       parentPort.postMessage({ kind: 'opened' });
       parentPort.on('message', () => { throw new Error('died'); });`,
    );
    const store = await open({ workerUrl: new URL(`file://${worker}`), onFatal: (error) => reasons.push(error) });
    await expect(store.check()).rejects.toMatchObject({ kind: 'unavailable', code: 'storage_failed' });
    await expect(store.queue.enqueue(newItem())).rejects.toMatchObject({ code: 'storage_failed' });
    expect(reasons).toHaveLength(1);
    await store.close().catch(() => undefined);
  });
});

describe('values', () => {
  it('of every size come back as they went, also cut out of larger buffers', async () => {
    const store = await open();
    await store.migrate();
    const source = Buffer.allocUnsafe(3_000_000).fill('abcdefg');
    for (const size of [0, 1, 100, 5000, 2_000_000]) {
      const record = invocationRecord({ id: newId('invocation') });
      const payload = { payload: source.subarray(7, 7 + size), result: Buffer.from('x'.repeat(size)) };
      await store.invocations.record([{ record, payload }]);
      const found = await store.invocations.find(record.id);
      expect(found?.payload?.equals(payload.payload)).toBe(true);
      expect(found?.result?.equals(payload.result)).toBe(true);
      expect(Buffer.isBuffer(found?.payload)).toBe(true);
    }
    await store.close();
  });
});
