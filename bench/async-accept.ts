import { startPlatform } from '../tests/support/platform.ts';
import { deploy } from './support/functions.ts';
import { median, type Row, row } from './support/numbers.ts';
import { progress } from './support/progress.ts';
import { load } from './support/wrk.ts';

/** Asynchronous invocations accepted, each on disk (fsync) before its 202, at 32 clients; the queue works at the same time. */
export async function asyncAccept(): Promise<readonly Row[]> {
  const platform = await startPlatform();
  try {
    await deploy(platform, 'later', 'export async function handler(event) { return event; }', {
      concurrency: 16,
      maxInstances: 2,
    });
    const run = async (query: string) =>
      await load({
        url: `${platform.url}/api/v1/functions/later/invocations?mode=async${query}`,
        connections: 32,
        seconds: 4,
        body: '{"order":4711}',
        headers: { authorization: `Bearer ${platform.token}` },
      });
    const delayed = [];
    progress('accepting for later');
    for (let i = 0; i < 3; i++) delayed.push(await run('&delayMs=3600000'));
    progress('accepting while the queue is worked off');
    const working = [];
    for (let i = 0; i < 3; i++) working.push(await run(''));
    const line = (results: readonly { readonly perSecond: number; readonly p99Ms: number }[]): string =>
      `${Math.round(median(results.map((result) => result.perSecond)))}/s, p99 ${median(results.map((result) => result.p99Ms)).toFixed(1)} ms`;
    const rate = median(delayed.map((result) => result.perSecond));
    const failures = [...delayed, ...working].reduce((sum, result) => sum + result.failures, 0);
    return [
      row('asynchronous accept, fsynced, 32 clients', line(delayed), '>= 2,000/s', rate >= 2000),
      row('the same while the queue is worked off', line(working)),
      row('refused or failed accepts', String(failures), '0', failures === 0),
    ];
  } finally {
    await platform.dispose();
  }
}
