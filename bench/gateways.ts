import { type Platform, startPlatform } from '../tests/support/platform.ts';
import { deploy, echoSource, oneKilobyte } from './support/functions.ts';
import { median, type Row, row, withSpread } from './support/numbers.ts';
import { progress } from './support/progress.ts';
import { type LoadResult, load } from './support/wrk.ts';

const rounds = 5;
const seconds = 3;

/** The warm 1 KB echo through one gateway in the platform's process, and through two processes of their own, interleaved. */
export async function gateways(): Promise<readonly Row[]> {
  const one = await startPlatform();
  const two = await startPlatform({ environment: { HEARTH_GATEWAYS: '2' } });
  try {
    const results = new Map<Platform, LoadResult[]>([
      [one, []],
      [two, []],
    ]);
    for (const platform of results.keys()) {
      await deploy(platform, 'echo', echoSource, { concurrency: 32, maxInstances: 1 });
      await load({ url: `${platform.gatewayUrl}/echo`, connections: 32, seconds: 2, body: oneKilobyte });
    }
    for (let round = 0; round < rounds; round++) {
      progress(`round ${round + 1} of ${rounds}`);
      for (const [platform, kept] of results)
        kept.push(await load({ url: `${platform.gatewayUrl}/echo`, connections: 32, seconds, body: oneKilobyte }));
    }
    const [single = [], double = []] = results.values();
    const ratios = double.map((result, i) => result.perSecond / (single[i]?.perSecond ?? Number.NaN));
    const failures = [...single, ...double].reduce((sum, result) => sum + result.failures, 0);
    return [
      row('one gateway, in the platform', words(single)),
      row('two gateway processes', words(double)),
      row('two processes / one gateway, throughput', withSpread(ratios), '', undefined, ratios),
      row('failed requests', String(failures), '0', failures === 0),
    ];
  } finally {
    await Promise.all([one.dispose(), two.dispose()]);
  }
}

function words(results: readonly LoadResult[]): string {
  const perSecond = Math.round(median(results.map((result) => result.perSecond)));
  const p99 = median(results.map((result) => result.p99Ms));
  return `${perSecond.toLocaleString('en')}/s, p99 ${p99.toFixed(1)} ms`;
}
