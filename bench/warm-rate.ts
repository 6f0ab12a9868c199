import { startPlatform } from '../tests/support/platform.ts';
import { type Answered, arrivals } from './support/arrivals.ts';
import { startBareEcho } from './support/bare-echo.ts';
import { deploy, echoSource, oneKilobyte } from './support/functions.ts';
import { median, percentile, type Row, row, withSpread } from './support/numbers.ts';
import { progress } from './support/progress.ts';

const rounds = 5;
const seconds = 6;
const perSecond = 500;
const goals = { p50Ms: 0.8, p99Ms: 4 };

/** What a warm call adds to bare node:http when both are called 500 times a second, whatever becomes of the calls before: an echo of 1 KB of JSON, in turns. */
export async function warmRate(): Promise<readonly Row[]> {
  const bare = await startBareEcho();
  const platform = await startPlatform();
  try {
    await deploy(platform, 'echo', echoSource, { concurrency: 32, maxInstances: 1 });
    const load = { perSecond, body: oneKilobyte };
    const results: { readonly bare: Answered; readonly hearth: Answered }[] = [];
    for (let round = 0; round <= rounds; round++) {
      progress(`round ${round} of ${rounds}`);
      // The first round warms up.
      const lasting = { ...load, seconds: round === 0 ? 2 : seconds };
      const ofBare = await arrivals({ ...lasting, url: bare.url });
      const ofHearth = await arrivals({ ...lasting, url: `${platform.gatewayUrl}/echo` });
      if (round > 0) results.push({ bare: ofBare, hearth: ofHearth });
    }
    const failures = results.reduce((sum, { bare: b, hearth: h }) => sum + b.failures + h.failures + h.throttled, 0);
    const added = (p: number): readonly number[] =>
      results.map(({ bare: b, hearth: h }) => percentile(h.tookMs, p) - percentile(b.tookMs, p));
    const [p50, p99] = [added(50), added(99)];
    const took = (of: 'bare' | 'hearth'): string =>
      [50, 99]
        .map(
          (p) =>
            `p${p} ${withSpread(
              results.map((one) => percentile(one[of].tookMs, p)),
              2,
              ' ms',
            )}`,
        )
        .join(', ');
    return [
      row(`bare node:http echo at ${perSecond}/s`, took('bare')),
      row(`warm call at ${perSecond}/s`, took('hearth')),
      row('added to the median', withSpread(p50, 2, ' ms'), `<= ${goals.p50Ms} ms`, median(p50) <= goals.p50Ms, p50),
      row('added to p99', withSpread(p99, 2, ' ms'), `<= ${goals.p99Ms} ms`, median(p99) <= goals.p99Ms, p99),
      row('refused or failed', String(failures), '0', failures === 0),
    ];
  } finally {
    await Promise.all([platform.dispose(), bare.stop()]);
  }
}
