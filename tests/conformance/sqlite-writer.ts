/** A platform in small for the kill test: enqueues without end and prints every id once it is acknowledged. */
import { writeSync } from 'node:fs';
import { openSqliteStore } from '../../backend/database/sqlite/open-sqlite-store.ts';
import { newItem } from './store-records.ts';
import { testClock, testLogger } from './store-support.ts';

const store = await openSqliteStore({ path: process.argv[2] ?? '', clock: testClock, logger: testLogger });
await store.migrate();
await Promise.all(
  Array.from({ length: 8 }, async () => {
    for (;;) {
      const item = newItem();
      await store.queue.enqueue(item);
      acknowledge(item.id);
    }
  }),
);

/** Written before the next line of this process runs; a full pipe is waited for, because its reader may be busy. */
function acknowledge(id: string): void {
  for (;;) {
    try {
      writeSync(1, `${id}\n`);
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
