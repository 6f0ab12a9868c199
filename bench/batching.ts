import { startPlatform } from '../tests/support/platform.ts';
import { deploy } from './support/functions.ts';
import { median, type Row, row, withSpread } from './support/numbers.ts';
import { progress } from './support/progress.ts';
import { type LoadResult, load } from './support/wrk.ts';

const rounds = 5;
const seconds = 2;
const connections = 32;
/** Five milliseconds for each call of the handler, however many events it is given: a transaction, a request to another system. */
const source = `const cost = () => new Promise((done) => setTimeout(done, 5));
export async function handler() { await cost(); return { statusCode: 204 }; }
export async function handleBatch(events) { await cost(); return events.map(() => ({ statusCode: 204 })); }`;

/** A function with a fixed cost per call, in one instance, with and without batches of 16, in turns. */
export async function batching(): Promise<readonly Row[]> {
  const platform = await startPlatform();
  try {
    const config = { maxInstances: 1, minInstances: 1 };
    await deploy(platform, 'single', source, config);
    await deploy(platform, 'batched', source, { ...config, batch: { maxSize: 16, windowMs: 5 } });
    const measured: Record<'single' | 'batched', LoadResult[]> = { single: [], batched: [] };
    for (let round = 0; round <= rounds; round++) {
      progress(`round ${round} of ${rounds}`);
      for (const name of ['single', 'batched'] as const) {
        const result = await load({ url: `${platform.gatewayUrl}/${name}`, connections, seconds });
        // The first round warms up.
        if (round > 0) measured[name].push(result);
      }
    }
    const ratios = (what: 'perSecond' | 'p99Ms') =>
      measured.batched.map((result, i) => result[what] / (measured.single[i]?.[what] ?? Number.NaN));
    const [gain, tail] = [ratios('perSecond'), ratios('p99Ms')];
    const failures = [...measured.single, ...measured.batched].reduce((sum, result) => sum + result.failures, 0);
    return [
      row('5 ms per call, no batches', words(measured.single)),
      row('5 ms per call, batches of up to 16', words(measured.batched)),
      row('batches / no batches, throughput', withSpread(gain), '>= 5', median(gain) >= 5),
      row('batches / no batches, p99', withSpread(tail), '<= 1.5', median(tail) <= 1.5),
      row('failed requests', String(failures), '0', failures === 0),
    ];
  } finally {
    await platform.dispose();
  }
}

function words(results: readonly LoadResult[]): string {
  const perSecond = median(results.map((result) => result.perSecond));
  const p99Ms = median(results.map((result) => result.p99Ms));
  return `${perSecond.toFixed(0)}/s, p99 ${p99Ms.toFixed(1)} ms`;
}
