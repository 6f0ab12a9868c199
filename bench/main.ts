/**
 * `npm run bench [-- name … --json FILE --markdown FILE]`: measurements in one run, as ratios against named baselines where a machine's speed
 * matters, with medians over several rounds. Each runs in a process of its own, for a bounded time, and says how far it is. Prints a Markdown
 * table for docs/performance.md. Exit status 1 when a goal is missed or a bench did not end.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildStale } from '../scripts/build.ts';
import { benches } from './catalog.ts';
import { boundedRun } from './support/bounded-run.ts';
import type { Row } from './support/numbers.ts';
import { markdownOf, reportOf, writeReport } from './support/report.ts';

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
for (const [name, { limitSeconds }] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`${name}, at most ${limitSeconds} s`);
  measured[name] = await boundedRun(name, join(import.meta.dirname, 'one.ts'), [name], limitSeconds);
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
