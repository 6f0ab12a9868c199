import { spawnSync } from 'node:child_process';
import { firstCalls } from './support/first-calls.ts';
import { median, percentile, type Row, row } from './support/numbers.ts';

const rounds = 30;
const source = 'export async function handler() { return { ok: true }; }';

/** First call of a new function, from request to first byte: from the pre-warmed sandbox, and with none. */
export async function coldStart(): Promise<readonly Row[]> {
  const warm = await firstCalls({ layer: 'pre-warmed', runtime: 'nodejs', rounds, source });
  const bareNode: number[] = [];
  const between = (): void => {
    const startedAt = performance.now();
    spawnSync(process.execPath, ['-e', '0']);
    bareNode.push(performance.now() - startedAt);
  };
  const cold = await firstCalls({ layer: 'cold', runtime: 'nodejs', rounds, source, between });
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
