import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { startPlatform } from '../tests/support/platform.ts';
import { type Answered, type ArrivalsOptions, arrivals } from './support/arrivals.ts';
import { deploy } from './support/functions.ts';
import { median, percentile, type Row, row, withSpread } from './support/numbers.ts';
import { progress } from './support/progress.ts';

const rounds = 5;
/** Ninety seconds for all rounds; 120 calls of the quiet function in each part of a round. */
const seconds = 6;
/** Eight places and calls of 100 ms that cost no CPU: the host takes 80 a second, and what is refused costs it little. */
const places = 8;
const handlerMs = 100;
const capacity = (places * 1000) / handlerMs;
/** A quarter of what the host takes. */
const quietPerSecond = capacity / 4;
const source = `export const handler = () => new Promise((done) => setTimeout(done, ${handlerMs}, "done"));`;

/** A function that uses a quarter of the host, alone and beside one that is called ten times as often as the host could serve, in turns. */
export async function fairness(): Promise<readonly Row[]> {
  // A short queue: a round is over sooner, and the flood is refused all the same.
  const environment = { HEARTH_MAX_CONCURRENT: String(places), HEARTH_MAX_QUEUED_PER_FUNCTION: '100' };
  const platform = await startPlatform({ environment });
  try {
    const config = { concurrency: places, maxInstances: 1, minInstances: 1 };
    for (const name of ['quiet', 'loud']) await deploy(platform, name, source, config);
    const [alone, beside]: [number[], number[]] = [[], []];
    const flooded: Answered[] = [];
    let failures = 0;
    for (let round = 0; round <= rounds; round++) {
      progress(`round ${round} of ${rounds}`);
      // The first round warms up.
      const measured = {
        url: `${platform.gatewayUrl}/quiet`,
        perSecond: quietPerSecond,
        seconds: round === 0 ? 2 : seconds,
      };
      const quiet = await arrivals(measured);
      // The flood begins a second earlier and ends a second later.
      const flood = floodOf({
        url: `${platform.gatewayUrl}/loud`,
        perSecond: 10 * capacity,
        seconds: measured.seconds + 2,
      });
      await arrivals({ ...measured, seconds: 1 });
      const disturbed = await arrivals(measured);
      const loud = await flood;
      if (round === 0) continue;
      alone.push(percentile(quiet.tookMs, 99));
      beside.push(percentile(disturbed.tookMs, 99));
      flooded.push(loud);
      failures += [quiet, disturbed].reduce((sum, { throttled, failures: failed }) => sum + throttled + failed, 0);
    }
    const ratios = beside.map((p99, i) => p99 / (alone[i] ?? Number.NaN));
    const share = median(
      flooded.map(({ tookMs, throttled }) => (100 * throttled) / Math.max(1, tookMs.length + throttled)),
    );
    return [
      row(`p99 of a function at a quarter of what the host takes (${capacity}/s), alone`, withSpread(alone, 1, ' ms')),
      row(`the same beside a flood of ${10 * capacity}/s on another`, withSpread(beside, 1, ' ms')),
      row('beside the flood / alone', withSpread(ratios), '< 2', median(ratios) < 2, ratios),
      row('of the flood, refused with 429', `${share.toFixed(0)} %`),
      row('refused or failed calls of the other function', String(failures), '0', failures === 0),
    ];
  } finally {
    await platform.dispose();
  }
}

async function floodOf(options: ArrivalsOptions): Promise<Answered> {
  const worker = new Worker(new URL('./support/flood.ts', import.meta.url), { workerData: options });
  const [answered] = (await once(worker, 'message')) as [Answered];
  return answered;
}
