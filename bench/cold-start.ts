import { spawnSync } from 'node:child_process';
import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { poolsSchema } from '../shared/api/system.ts';
import { eventually, type Platform, startPlatform } from '../tests/support/platform.ts';
import { deploy } from './support/functions.ts';
import { median, percentile, type Row, row } from './support/numbers.ts';

const rounds = 30;
/** A sandbox that has just said HELLO still gets ready; in daily life it has waited for long. */
const settleMs = 400;
const source = 'export async function handler() { return { ok: true }; }';

/** First call of a new function, from request to first byte: from the pre-warmed sandbox, and with none. */
export async function coldStart(): Promise<readonly Row[]> {
  const warm = await firstCalls(1);
  const bareNode: number[] = [];
  const cold = await firstCalls(0, () => {
    const startedAt = performance.now();
    spawnSync(process.execPath, ['-e', '0']);
    bareNode.push(performance.now() - startedAt);
  });
  const limit = median(bareNode) + 40;
  return [
    row(
      'cold start from a pre-warmed sandbox, request to first byte',
      `median ${median(warm).toFixed(1)} ms, p95 ${percentile(warm, 95).toFixed(1)} ms, p99 ${percentile(warm, 99).toFixed(1)} ms`,
      'median <= 3 ms, p99 <= 10 ms',
      median(warm) <= 3 && percentile(warm, 99) <= 10,
    ),
    row('bare `node -e 0`', `median ${median(bareNode).toFixed(1)} ms`),
    row(
      'cold start without one',
      `median ${median(cold).toFixed(1)} ms, p95 ${percentile(cold, 95).toFixed(1)} ms`,
      `median <= bare + 40 ms = ${limit.toFixed(0)} ms`,
      median(cold) <= limit,
    ),
  ];
}

async function firstCalls(preWarmed: number, between: () => void = () => undefined): Promise<readonly number[]> {
  const platform = await startPlatform({ environment: { HEARTH_PREWARM: String(preWarmed) } });
  // One connection, open already: opening it is no part of the start.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const took: number[] = [];
    for (let i = 0; i < rounds + 2; i++) {
      await deploy(platform, `cold-${i}`, source);
      if (preWarmed > 0) {
        await eventually(async () => await expectPreWarmed(platform));
        await sleep(settleMs);
      }
      between();
      await firstByteMs(`${platform.gatewayUrl}/_hearth/healthz`, agent);
      const tookMs = await firstByteMs(`${platform.gatewayUrl}/cold-${i}`, agent);
      // The first two warm up the platform's own code.
      if (i >= 2) took.push(tookMs);
      await platform.api('DELETE', `/api/v1/functions/cold-${i}`);
    }
    return took;
  } finally {
    agent.destroy();
    await platform.dispose();
  }
}

/** From sending the request to the first byte of its answer, which must be 200. */
async function firstByteMs(url: string, agent: Agent): Promise<number> {
  return await new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const request = get(url, { agent }, (response) => {
      const tookMs = performance.now() - startedAt;
      if (response.statusCode !== 200) reject(new Error(`cold call answered ${response.statusCode}`));
      response.resume().once('end', () => resolve(tookMs));
    });
    request.once('error', reject);
  });
}

async function expectPreWarmed(platform: Platform): Promise<void> {
  const pools = poolsSchema.parse(await (await platform.api('GET', '/api/v1/system/pools')).json());
  if (!pools.preWarmed.some((entry) => entry.runtime === 'nodejs' && entry.count > 0))
    throw new Error('no pre-warmed sandbox');
}
