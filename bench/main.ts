/**
 * `npm run bench [-- name … --json FILE --markdown FILE]`: measurements in one run, as ratios against named baselines where a machine's speed
 * matters, with medians over several rounds. Prints a Markdown table for docs/performance.md. Exit status 1 when a goal is missed.
 */
import { parseArgs } from 'node:util';
import { buildStale } from '../scripts/build.ts';
import { asyncAccept } from './async-accept.ts';
import { batching } from './batching.ts';
import { burst } from './burst.ts';
import { coldStart } from './cold-start.ts';
import { compiledAhead } from './compiled-ahead.ts';
import { dashboard } from './dashboard.ts';
import { dashboardPages } from './dashboard-pages.ts';
import { dashboardTab } from './dashboard-tab.ts';
import { docker } from './docker.ts';
import { fairness } from './fairness.ts';
import { gateways } from './gateways.ts';
import { idle } from './idle.ts';
import { idleInstances } from './idle-instances.ts';
import { keepAlive } from './keep-alive.ts';
import { logFlood } from './log-flood.ts';
import { manyFunctions } from './many-functions.ts';
import { noisyNeighbour } from './noisy-neighbour.ts';
import { qemu } from './qemu.ts';
import { secretTiming } from './secret-timing.ts';
import { soak } from './soak.ts';
import { startLayers } from './start-layers.ts';
import type { Row } from './support/numbers.ts';
import { markdownOf, reportOf, writeReport } from './support/report.ts';
import { warmEcho } from './warm-echo.ts';

const benches: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  'warm-echo': warmEcho,
  gateways,
  'cold-start': coldStart,
  'start-layers': startLayers,
  'compiled-ahead': compiledAhead,
  batching,
  burst,
  fairness,
  'async-accept': asyncAccept,
  'log-flood': logFlood,
  idle,
  'idle-instances': idleInstances,
  'keep-alive': keepAlive,
  'many-functions': manyFunctions,
  dashboard,
  'dashboard-pages': dashboardPages,
  'dashboard-tab': dashboardTab,
  docker,
  qemu,
  'noisy-neighbour': noisyNeighbour,
  'secret-timing': secretTiming,
  // The longest comes last: ten minutes, or HEARTH_BENCH_SOAK_MINUTES.
  soak,
};

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'string' }, markdown: { type: 'string' } },
});
const unknown = wanted.find((name) => benches[name] === undefined);
if (unknown !== undefined) {
  console.error(`there is no bench ${unknown}; there are ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}
await buildStale();
const measured: Record<string, readonly Row[]> = {};
for (const [name, run] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`${name} ...`);
  measured[name] = await run();
}
const report = reportOf(measured);
console.log(`\n${markdownOf(report)}`);
if (options.json !== undefined) writeReport(options.json, `${JSON.stringify(report, null, 2)}\n`);
if (options.markdown !== undefined) writeReport(options.markdown, markdownOf(report));
process.exitCode = Object.values(measured)
  .flat()
  .some((row) => row.isMet === false)
  ? 1
  : 0;
