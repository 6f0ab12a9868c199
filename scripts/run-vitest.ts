/**
 * Runs the named suites one after the other and ends with one line that sums them up: `N passed, N failed, N skipped`.
 * Skipped tests are listed by their reason, so that nothing is silently left out; one without a reason is a failure. What passed only
 * at its second try is named. What failed comes last, because the end of a long output is what is read. Exit status 1 if anything failed or nothing ran.
 *
 * `--repeat=N` runs everything N times in a row, without second tries, and says which tests did not end the same way each time; other options and names of files go to vitest.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import config from '../vitest.config.ts';
import type { TestReport } from './test-report.ts';

interface ProjectNames {
  readonly test: { readonly projects: readonly { readonly test: { readonly name: string } }[] };
}

const root = join(import.meta.dirname, '..');
const repeatOption = /^--repeat(?:=(?<rounds>\d+))?$/;
const given = process.argv.slice(2);
const repeat = given.findIndex((argument) => repeatOption.test(argument));
/** The number may stand behind the option, as its value or as the next argument. */
const taken = repeat < 0 ? [] : given.splice(repeat, given[repeat]?.includes('=') === true ? 1 : 2);
const rounds = taken.length === 0 ? 1 : Number(taken[1] ?? repeatOption.exec(taken[0] ?? '')?.groups?.['rounds']);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--repeat takes how often: --repeat 10');
/** Any other word narrows the files down, as vitest does it. */
const known = new Set((config as ProjectNames).test.projects.map((project) => project.test.name));
/** A suite is one project, and the one of its files that run alone. */
const projectsOf = (suite: string) => [suite, `${suite}-alone`].filter((name) => known.has(name));
const suites = given.filter((argument) => known.has(argument));
const options = given.filter((argument) => !known.has(argument));
const folder = mkdtempSync(join(tmpdir(), 'hearth-tests-'));
const sum = { passed: 0, failed: 0, skipped: 0 };
/** The tests that each reason kept from running, once whatever the number of rounds. */
const skipped = new Map<string, string[]>();
/** How often each test failed and what it said last, by suite and name. */
const failures = new Map<string, { readonly count: number; readonly message: string }>();
function fail(name: string, message: string): void {
  sum.failed += 1;
  failures.set(name, { count: (failures.get(name)?.count ?? 0) + 1, message });
}
const secondTry: string[] = [];
const files: (TestReport['files'][number] & { readonly suite: string })[] = [];

const runs = Array.from({ length: rounds }, (_, round) => suites.map((suite) => ({ suite, round: round + 1 }))).flat();
for (const { suite, round } of runs) {
  const file = join(folder, `${suite}-${round}.json`);
  console.log(`\n== ${suite}${rounds === 1 ? '' : `, round ${round} of ${rounds}`}`);
  const run = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      ...projectsOf(suite).map((project) => `--project=${project}`),
      '--reporter=default',
      `--reporter=${join(root, 'scripts/test-report.ts')}`,
      ...(rounds > 1 ? ['--retry=0'] : []),
      ...options,
    ],
    { cwd: root, stdio: 'inherit', env: { ...process.env, HEARTH_TEST_REPORT: file } },
  );
  let report: TestReport | undefined;
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as TestReport;
  } catch {
    report = undefined;
  }
  if (report === undefined) {
    fail(`${suite}: the runner`, `it ended with status ${run.status ?? run.signal} and no report`);
    continue;
  }
  sum.passed += report.passed;
  sum.skipped += report.skipped.length;
  secondTry.push(...report.secondTry.map(({ name, message }) => `  ${suite}: ${name}\n    ${message}`));
  for (const { name, message } of report.failedTests) fail(`${suite}: ${name}`, message);
  for (const test of report.skipped.filter(({ reason }) => reason === undefined)) {
    fail(`${suite}: ${test.name}`, 'it is skipped and does not say why');
  }
  if (report.failedTests.length === 0 && run.status !== 0) {
    fail(`${suite}: the runner`, `it ended with status ${run.status ?? run.signal} and no failed test`);
  }
  if (rounds > 1) console.log(`${suite}, round ${round}: ${report.passed} passed, ${report.failedTests.length} failed`);
  for (const test of round === 1 ? report.skipped : []) {
    const reason = test.reason ?? 'no reason given';
    skipped.set(reason, [...(skipped.get(reason) ?? []), `${suite}: ${test.name}`]);
  }
  files.push(...report.files.map((each) => ({ ...each, suite })));
}
rmSync(folder, { recursive: true, force: true });
const slowest = files.toSorted((a, b) => b.tookMs - a.tookMs).slice(0, 5);
console.log(
  `\nSlowest files:\n${slowest.map((each) => `  ${(each.tookMs / 1000).toFixed(1)} s  ${each.path}`).join('\n')}`,
);
if (skipped.size > 0) {
  const lines = [...skipped].flatMap(([reason, tests]) => [
    `  ${tests.length}: ${reason}`,
    ...tests.map((test) => `    ${test}`),
  ]);
  console.log(`\nSkipped:\n${lines.join('\n')}`);
}
if (secondTry.length > 0) console.log(`\nPassed at the second try:\n${secondTry.join('\n')}`);
if (failures.size > 0) {
  const often = (count: number) => (rounds === 1 ? '' : `${count} of ${rounds} rounds  `);
  const lines = [...failures].map(([name, { count, message }]) => `  ${often(count)}${name}\n    ${message}`);
  console.log(`\nFailed:\n${lines.join('\n')}`);
}
console.log(`\n${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0;
