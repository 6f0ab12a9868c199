import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '../../backend/database/sqlite/open-sqlite-store.ts';
import { describeStore } from './store-suite.ts';
import { testClock, testLogger } from './store-support.ts';

describeStore('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hearth-store-'));
  const store = await openSqliteStore({ path: join(folder, 'hearth.db'), clock: testClock, logger: testLogger });
  await store.migrate();
  return {
    store,
    close: async () => {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
});
