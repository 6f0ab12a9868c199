/**
 * `npm run bench [name …]`: measurements in one run, as ratios against named baselines where a machine's speed matters, with medians over
 * several rounds. Prints a Markdown table for docs/performance.md. Exit status 1 when a goal is missed.
 */
import { cpus, totalmem } from 'node:os';
import { buildStale } from '../scripts/build.ts';
import { asyncAccept } from './async-accept.ts';
import { batching } from './batching.ts';
import { coldStart } from './cold-start.ts';
import { dashboard } from './dashboard.ts';
import { docker } from './docker.ts';
import { idle } from './idle.ts';
import { keepAlive } from './keep-alive.ts';
import { logFlood } from './log-flood.ts';
import { manyFunctions } from './many-functions.ts';
import type { Row } from './support/numbers.ts';
import { warmEcho } from './warm-echo.ts';

const benches: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  'warm-echo': warmEcho,
  'cold-start': coldStart,
  batching,
  'async-accept': asyncAccept,
  'log-flood': logFlood,
  idle,
  'keep-alive': keepAlive,
  'many-functions': manyFunctions,
  dashboard,
  docker,
};

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => benches[name] === undefined);
if (unknown !== undefined) {
  console.error(`there is no bench ${unknown}; there are ${Object.keys(benches).join(', ')}`);
  process.exit(2);
}
await buildStale();
const rows: Row[] = [];
for (const [name, run] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`${name} ...`);
  rows.push(...(await run()));
}
console.log(
  `\n${new Date().toISOString().slice(0, 10)}, ${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 1_073_741_824)} GiB, Node ${process.versions.node}\n`,
);
console.log('| what | measured | goal | met |\n| --- | --- | --- | --- |');
for (const row of rows)
  console.log(
    `| ${row.what} | ${row.value} | ${row.goal} | ${row.isMet === undefined ? '' : row.isMet ? 'yes' : '**no**'} |`,
  );
process.exitCode = rows.some((row) => row.isMet === false) ? 1 : 0;
