import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '../backend/core/system-clock.ts';
import { openSqliteStore } from '../backend/database/sqlite/open-sqlite-store.ts';
import { type BundleDigest, newId } from '../shared/ids.ts';
import { defaultVersionConfig } from '../shared/version-config.ts';
import { startPlatform } from '../tests/support/platform.ts';
import { deploy } from './support/functions.ts';
import { median, type Row, row } from './support/numbers.ts';
import { usageOf } from './support/processes.ts';
import { progress } from './support/progress.ts';
import { load } from './support/wrk.ts';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

interface Measured {
  readonly startMs: number;
  readonly perSecond: number;
  readonly rssMb: number;
}

/** Start-up and routing with one function, with 100 and with 10,000 registered. */
export async function manyFunctions(): Promise<readonly Row[]> {
  const one = await measure(1);
  const hundred = await measure(100);
  const many = await measure(10_000);
  const start = ({ startMs, rssMb }: Measured): string => `${startMs.toFixed(0)} ms, ${rssMb.toFixed(0)} MB`;
  const isFlat = many.startMs - one.startMs < 1000;
  const calls = (measured: Measured): number => measured.perSecond / one.perSecond;
  return [
    row('start until ready, 1 function', start(one)),
    row('start until ready, 100 functions', start(hundred)),
    row('start until ready, 10,000 functions', start(many), 'flat: at most 1 s more', isFlat),
    row('warm calls with 100 functions / with 1', calls(hundred).toFixed(2)),
    row('warm calls with 10,000 functions / with 1', calls(many).toFixed(2), 'flat: >= 0.9', calls(many) >= 0.9),
  ];
}

async function measure(count: number): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-many-'));
  try {
    await register(folder, count);
    const startedAt: number[] = [];
    for (let round = 0; round < 3; round++) {
      progress(`start ${round + 1} of 3`);
      const before = performance.now();
      const platform = await startPlatform({ dataDirectory: folder });
      startedAt.push(performance.now() - before);
      await platform.stop();
    }
    const platform = await startPlatform({ dataDirectory: folder });
    await deploy(platform, 'measured', 'export const handler = () => 1;', { concurrency: 32, maxInstances: 1 });
    const url = `${platform.gatewayUrl}/measured`;
    await load({ url, connections: 32, seconds: 2 });
    const runs = [];
    for (let round = 0; round < 3; round++) runs.push(await load({ url, connections: 32, seconds: 3 }));
    const rssMb = usageOf(platform.pid).rssBytes / 1_048_576;
    await platform.stop();
    return { startMs: median(startedAt), perSecond: median(runs.map((run) => run.perSecond)), rssMb };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Functions with a version and a live alias each, straight into the store. */
async function register(folder: string, count: number): Promise<void> {
  const store = await openSqliteStore({ path: join(folder, 'hearth.db'), clock: new SystemClock(), logger: silent });
  await store.migrate();
  const now = Date.now();
  for (let from = 0; from < count; from += 500) {
    await store.transaction(async (tx) => {
      for (let i = from; i < Math.min(from + 500, count); i++) {
        const functionId = newId('function');
        await tx.functions.create({
          id: functionId,
          name: `fn-${i}`,
          description: '',
          tags: [],
          isEnabled: true,
          latestVersion: 1,
          createdAt: now,
          updatedAt: now,
          revision: 1,
        });
        await tx.versions.create({
          id: newId('version'),
          functionId,
          version: 1,
          digest: 'a'.repeat(64) as BundleDigest,
          sizeBytes: 1,
          fileCount: 1,
          config: defaultVersionConfig('nodejs', 'process'),
          message: '',
          createdAt: now,
          createdBy: 'bench',
        });
        await tx.aliases.put(
          { functionId, name: 'live', versions: [{ version: 1, weight: 1 }], updatedAt: now },
          undefined,
        );
      }
    });
  }
  await store.close();
}
