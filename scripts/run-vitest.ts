/**
 * Runs the named suites one after the other and ends with one line that sums them up: `N passed, N failed, N skipped`.
 * Skipped tests are listed with their reason, so that nothing is silently left out. Exit status 1 if anything failed or nothing ran.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface AssertionResult {
  readonly status: string;
  readonly fullName: string;
}
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly AssertionResult[];
  }[];
}

const root = join(import.meta.dirname, '..');
const suites = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const options = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const folder = mkdtempSync(join(tmpdir(), 'hearth-tests-'));
const sum = { passed: 0, failed: 0, skipped: 0 };
const skipped: string[] = [];

for (const suite of suites) {
  const file = join(folder, `${suite}.json`);
  console.log(`\n== ${suite}`);
  const run = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--project',
      suite,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
      ...options,
    ],
    { cwd: root, stdio: 'inherit' },
  );
  let report: Report | undefined;
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch {
    report = undefined;
  }
  if (report === undefined) {
    sum.failed += 1;
    console.log(`${suite}: the runner ended with status ${run.status ?? run.signal} and no report`);
    continue;
  }
  sum.passed += report.numPassedTests;
  sum.skipped += report.numPendingTests + report.numTodoTests;
  // A file that fails to load, or an error outside any test, counts as one failure.
  sum.failed += Math.max(report.numFailedTests, run.status === 0 ? 0 : 1);
  for (const result of report.testResults) {
    for (const test of result.assertionResults) {
      if (test.status !== 'passed' && test.status !== 'failed') skipped.push(`${suite}: ${test.fullName}`);
    }
  }
}
rmSync(folder, { recursive: true, force: true });
if (skipped.length > 0) console.log(`\nSkipped:\n${skipped.map((line) => `  ${line}`).join('\n')}`);
console.log(`\n${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0;
