import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StartLayer } from '../../shared/invocation.ts';
import { eventually, startPlatform } from '../../tests/support/platform.ts';
import { deploy } from './functions.ts';
import { expectPreWarmed } from './pools.ts';
import { progress } from './progress.ts';

/** A sandbox that has just said HELLO still gets ready; in daily life it has waited for long. Without one, the call before has made its shape one in use, and a waiting sandbox is on its way. */
const settleMs = 400;

export interface FirstCallsOptions {
  /** The layer that every measured start must come from; without a waiting sandbox for `cold`. */
  readonly layer: StartLayer;
  readonly runtime: 'nodejs' | 'python';
  readonly rounds: number;
  readonly source: string;
  /** More fields of the deployment, `files` for other runtimes among them. */
  readonly config?: object;
  readonly environment?: Readonly<Record<string, string>>;
  /** Runs before each measured call. */
  readonly between?: () => void;
}

/** First calls of as many new functions, from request to first byte, in ms. Rejects when one comes from another layer. */
export async function firstCalls(options: FirstCallsOptions): Promise<readonly number[]> {
  const waits = options.layer !== 'cold';
  const platform = await startPlatform({ environment: { ...options.environment, HEARTH_PREWARM: waits ? '1' : '0' } });
  // One connection, open already: opening it is no part of the start.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const took: number[] = [];
    for (let i = 0; i < options.rounds + 2; i++) {
      if (i % 10 === 0) progress(`${options.layer} ${options.runtime}, call ${i} of ${options.rounds + 2}`);
      // Shapes in use get a waiting sandbox of their own, so a cold start needs a shape that nothing has used.
      const shape = waits ? {} : { memoryMb: 128 + i };
      await deploy(platform, `cold-${i}`, options.source, { runtime: options.runtime, ...shape, ...options.config });
      if (waits) {
        await eventually(async () => await expectPreWarmed(platform, options.runtime));
      }
      await sleep(settleMs);
      options.between?.();
      await firstByteMs(`${platform.gatewayUrl}/_hearth/healthz`, agent);
      const tookMs = await firstByteMs(`${platform.gatewayUrl}/cold-${i}`, agent, options.layer);
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

/** From sending the request to the first byte of its answer, which must be 200 and from `layer`. */
async function firstByteMs(url: string, agent: Agent, layer?: StartLayer): Promise<number> {
  return await new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const request = get(url, { agent }, (response) => {
      const tookMs = performance.now() - startedAt;
      const timing = String(response.headers['server-timing'] ?? '');
      if (response.statusCode !== 200) reject(new Error(`cold call answered ${response.statusCode}`));
      if (layer !== undefined && !timing.includes(`start;desc="${layer}"`))
        reject(new Error(`no ${layer} start: ${timing}`));
      response.resume().once('end', () => resolve(tookMs));
    });
    request.once('error', reject);
  });
}
