import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { acceptedSchema, invocationDetailSchema } from '../shared/api/invocations.ts';
import { eventually, type Platform, startPlatform } from '../tests/support/platform.ts';
import { deploy } from './support/functions.ts';
import { type Row, row, withSpread } from './support/numbers.ts';
import { progress } from './support/progress.ts';
import { load } from './support/wrk.ts';

const backlog = 100_000;
const rounds = 3;
const places = 8;

/** What a SIGKILL costs with a long queue: until the next start is ready, until what ran then runs again, and whether anything acknowledged is gone. */
export async function recovery(): Promise<readonly Row[]> {
  let platform = await startPlatform();
  try {
    // Holds its places for as long as the bench takes, so that nothing leaves the queue.
    const source = 'export const handler = async ({ ms }) => await new Promise((resolve) => setTimeout(resolve, ms));';
    await deploy(platform, 'later', source, {
      concurrency: places,
      maxInstances: 1,
      timeoutMs: 900_000,
      retry: { maxAttempts: 20, maxAgeMs: 3_600_000, minBackoffMs: 10, maxBackoffMs: 50 },
    });
    const url = `${platform.url}/api/v1/functions/later/invocations?mode=async`;
    const headers = { authorization: `Bearer ${platform.token}` };
    const body = JSON.stringify({ ms: 800_000 });
    const running: string[] = [];
    for (let n = 0; n < places; n++) {
      const response = await fetch(url, {
        method: 'POST',
        body,
        headers: { ...headers, 'content-type': 'application/json' },
      });
      running.push(acceptedSchema.parse(await response.json()).id);
    }
    await untilAttempt(platform, running, 1);
    let acknowledged = running.length;
    while (acknowledged < backlog) {
      progress(`${acknowledged} in the queue`);
      const result = await load({ url, connections: 32, seconds: 2, body, headers });
      if (result.failures > 0) throw new Error(`${result.failures} were not accepted`);
      acknowledged += result.requests;
    }
    const readyMs: number[] = [];
    const againMs: number[] = [];
    let missing = 0;
    for (let round = 0; round < rounds; round++) {
      progress(`kill ${round + 1} of ${rounds}`);
      await platform.kill();
      missing = Math.max(missing, acknowledged - storedIn(platform.dataDirectory));
      const startedAt = performance.now();
      platform = await startPlatform({ dataDirectory: platform.dataDirectory });
      readyMs.push(performance.now() - startedAt);
      await untilAttempt(platform, running, round + 2);
      againMs.push(performance.now() - startedAt);
    }
    return [
      row(
        `SIGKILL with ${backlog} queued: next start until ready`,
        `${withSpread(readyMs, 0)} ms`,
        '<= 2,000 ms',
        Math.max(...readyMs) <= 2000,
        readyMs,
      ),
      row(
        'the same: until what ran is run again',
        `${withSpread(againMs, 0)} ms`,
        '<= 5,000 ms',
        Math.max(...againMs) <= 5000,
        againMs,
      ),
      row('the same: acknowledged and missing', String(missing), '0', missing === 0),
    ];
  } finally {
    await platform.dispose();
  }
}

/** Until any of them runs for at least this many times. */
async function untilAttempt(platform: Platform, ids: readonly string[], attempt: number): Promise<void> {
  await eventually(async () => {
    for (const id of ids) {
      const response = await platform.api('GET', `/api/v1/invocations/${id}`);
      const { status, attempts } = invocationDetailSchema.parse(await response.json());
      if (status === 'running' && attempts >= attempt) return;
    }
    throw new Error(`nothing runs for the ${attempt}. time`);
  }, 60_000);
}

function storedIn(dataDirectory: string): number {
  const database = new BetterSqlite3(join(dataDirectory, 'hearth.db'), { readonly: true });
  const count = database.prepare('select count(*) from invocation_queue').pluck().get();
  database.close();
  return Number(count);
}
