import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { ask, mostAtOnce, openConnections, spanSource, tooFewFor } from '../tests/support/many-connections.ts';
import { type Platform, startPlatform } from '../tests/support/platform.ts';
import { arrivals } from './support/arrivals.ts';
import { deploy } from './support/functions.ts';
import { percentile, type Row, row, withSpread } from './support/numbers.ts';
import { progress } from './support/progress.ts';
import type { SlowSendersOptions, SlowSendersResult } from './support/slow-senders.ts';

const callers = 10_000;
const [concurrency, maxInstances] = [4, 2];
const places = concurrency * maxInstances;
const slowSenders = 5000;
/** A byte a second each, 5,000 a second in all. */
const slowEveryMs = 1000;
const rounds = 3;
/** The calls whose time is looked at: 400 in eight seconds, which is before the slow senders are closed. */
const measured = { perSecond: 50, seconds: 8 };

/** Ten thousand calls at once to a function with eight places, and five thousand connections that send a byte a second. */
export async function connections(): Promise<readonly Row[]> {
  const reason = tooFewFor(callers);
  if (reason !== undefined) return [row('many connections', `skipped: ${reason}`)];
  const platform = await startPlatform();
  try {
    await deploy(platform, 'narrow', spanSource(5), { concurrency, maxInstances });
    await deploy(platform, 'echo', "export const handler = () => ({ statusCode: 200, body: 'here' });");
    for (const name of ['narrow', 'echo']) await fetch(`${platform.gatewayUrl}/${name}`);
    return [...(await callsAtOnce(platform)), ...(await besideSlowSenders(platform))];
  } finally {
    await platform.dispose();
  }
}

async function callsAtOnce(platform: Platform): Promise<readonly Row[]> {
  progress(`${callers} calls at once`);
  const sockets = await openConnections(platform.gatewayUrl, callers);
  const request = 'GET /narrow HTTP/1.1\r\nHost: x\r\n\r\n';
  const answers = await Promise.all(sockets.map(async (socket) => await ask(socket, request).catch(() => undefined)));
  for (const socket of sockets) socket.destroy();
  const of = (status: number) => answers.flatMap((answer) => (answer?.status === status ? [answer] : []));
  const [good, refused] = [of(200), of(429)];
  const others = callers - good.length - refused.length;
  const atOnce = mostAtOnce(good.map(({ body }) => body));
  const p99 = percentile(
    refused.map(({ tookMs }) => tookMs),
    99,
  );
  const peak = peakMb(platform.pid);
  return [
    row(
      `${callers} calls at once to ${places} places: running at the same time, at most`,
      `${atOnce}; ${good.length} answered`,
      `${places}`,
      atOnce === places,
    ),
    row('the same: reset, closed, or neither answered nor refused', String(others), '0', others === 0),
    row('the same: a 429 after', `p99 ${p99.toFixed(0)} ms; ${refused.length} refused`, 'p99 <= 1,000 ms', p99 <= 1000),
    row('the same: memory of the platform at its peak', `${peak.toFixed(0)} MiB`, '<= 300 MiB', peak <= 300),
  ];
}

async function besideSlowSenders(platform: Platform): Promise<readonly Row[]> {
  const [quiet, beside, closed]: [number[], number[], number[]] = [[], [], []];
  let [failures, odd] = [0, 0];
  const measure = async (): Promise<number> => {
    const answered = await arrivals({ url: `${platform.gatewayUrl}/echo`, ...measured });
    failures += answered.failures + answered.throttled;
    return percentile(answered.tookMs, 99);
  };
  for (let round = 0; round < rounds; round++) {
    progress(`${slowSenders} slow senders, round ${round + 1} of ${rounds}`);
    quiet.push(await measure());
    const workerData: SlowSendersOptions = { url: platform.gatewayUrl, count: slowSenders, everyMs: slowEveryMs };
    const worker = new Worker(new URL('./support/slow-senders.ts', import.meta.url), { workerData });
    await once(worker, 'message');
    const ended = once(worker, 'message') as Promise<[SlowSendersResult]>;
    beside.push(await measure());
    const [result] = await ended;
    closed.push(result.closedMs / 1000);
    odd += result.odd;
  }
  const ratios = beside.map((p99, i) => p99 / (quiet[i] ?? Number.NaN));
  const ratio = percentile(ratios, 50);
  const slowest = Math.max(...closed);
  return [
    row(
      `p99 of others beside ${slowSenders} slow senders / in quiet; ${failures} failed`,
      withSpread(ratios),
      '<= 2, none fails',
      ratio <= 2 && failures === 0,
      ratios,
    ),
    row(
      `the slow senders are closed with 408; ${odd} otherwise`,
      `after ${slowest.toFixed(1)} s at most`,
      '<= 12 s',
      slowest <= 12 && odd === 0,
    ),
  ];
}

/** The most memory that a process has had at once, in MiB. */
const peakMb = (pid: number): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024;
