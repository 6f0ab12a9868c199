import { type Platform, startPlatform } from '../tests/support/platform.ts';
import { burst as callAtOnce } from './support/arrivals.ts';
import { deploy } from './support/functions.ts';
import { median, type Row, row, withSpread } from './support/numbers.ts';
import { progress } from './support/progress.ts';

const rounds = 5;
const calls = 1000;
const maxInstances = 4;
/** A millisecond for each call, so that four instances have work for a quarter of a second. */
const source = 'export const handler = () => new Promise((done) => setTimeout(done, 1, "done"));';

/** A thousand calls at once to a function that has no instance and nothing ahead, and then the same again to the instances that it has. */
export async function burst(): Promise<readonly Row[]> {
  const platform = await startPlatform({ environment: { HEARTH_PREWARM: '0' } });
  try {
    const boots: number[] = [];
    const [cold, warm]: [number[], number[]] = [[], []];
    let failures = 0;
    for (let round = 0; round <= rounds; round++) {
      progress(`round ${round} of ${rounds}`);
      const name = `burst-${round}`;
      await deploy(platform, name, source, { maxInstances });
      const before = await startsOf(platform);
      const first = await callAtOnce(`${platform.gatewayUrl}/${name}`, calls);
      const second = await callAtOnce(`${platform.gatewayUrl}/${name}`, calls);
      failures += first.failures + second.failures;
      await platform.api('DELETE', `/api/v1/functions/${name}`);
      // The first round warms up the platform's own code.
      if (round === 0) continue;
      boots.push((await startsOf(platform)) - before);
      cold.push(first.tookMs);
      warm.push(second.tookMs);
    }
    const ratios = cold.map((tookMs, i) => tookMs / (warm[i] ?? Number.NaN));
    const most = Math.max(...boots);
    return [
      row(
        `boots for ${calls} calls to a cold function, maxInstances ${maxInstances}`,
        `at most ${most}`,
        `<= ${maxInstances}`,
        most <= maxInstances,
        boots,
      ),
      row('until all are answered, cold', withSpread(cold, 0, ' ms'), '', undefined, cold),
      row('until all are answered, warm', withSpread(warm, 0, ' ms'), '', undefined, warm),
      row('cold / warm', withSpread(ratios), `<= 2`, median(ratios) <= 2, ratios),
      row('failed requests', String(failures), '0', failures === 0),
    ];
  } finally {
    await platform.dispose();
  }
}

/** Instances that began to start, all functions together. */
async function startsOf(platform: Platform): Promise<number> {
  const page = await (await platform.api('GET', '/metrics')).text();
  const counts = [...page.matchAll(/^hearth_instance_changes_total\{[^}]*state="starting"[^}]*\} (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}
