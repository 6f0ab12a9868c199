/**
 * `npm run mutate [part of a path …]`: changes the parsers one operator at a time and says which changes no test notices. Not part of `npm test`: each
 * change runs the tests that reach it, so a file takes minutes. Stryker brings 177 packages, which is why it is in no lock file; it is installed
 * beside the others when it is asked for, in the version that is named here, without install scripts.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parsers } from './parsers.ts';

const version = '10.1.1';
const root = join(import.meta.dirname, '..');
/** Below node_modules, so that its runner finds the vitest of this project. */
const home = join(root, 'node_modules/.cache', `stryker-${version}`);
const packages = join(home, 'node_modules/@stryker-mutator');

function run(command: string, argv: readonly string[], cwd: string): number {
  const env = { HEARTH_TEST_FUZZ_FACTOR: '0.02', HEARTH_TEST_FUZZ_SEED: '1', ...process.env };
  return spawnSync(command, argv, { cwd, stdio: 'inherit', env }).status ?? 1;
}

function install(): void {
  if (existsSync(join(packages, 'vitest-runner'))) return;
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'package.json'), '{"private": true}');
  const names = ['core', 'vitest-runner'].map((name) => `@stryker-mutator/${name}@${version}`);
  // The vitest of this project is the peer that it needs.
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--legacy-peer-deps', '--save-exact'];
  if (run('npm', ['install', ...options, ...names], home) !== 0) throw new Error('Stryker could not be installed');
}

const wanted = process.argv.slice(2);
const chosen = parsers.filter(({ file }) => wanted.length === 0 || wanted.some((part) => file.includes(part)));
if (chosen.length === 0) throw new Error(`scripts/parsers.ts has no file with ${wanted.join(' or ')} in its path`);
install();
const work = mkdtempSync(join(tmpdir(), 'hearth-mutate-'));
try {
  const tests = [...new Set(chosen.flatMap((parser) => parser.tests))];
  writeFileSync(
    join(home, 'vitest.config.mjs'),
    `export default { test: { include: ${JSON.stringify(tests)}, pool: 'forks', testTimeout: 60_000 } };`,
  );
  const config = {
    testRunner: 'vitest',
    plugins: [join(packages, 'vitest-runner/dist/src/index.js')],
    vitest: { configFile: join(home, 'vitest.config.mjs') },
    coverageAnalysis: 'perTest',
    mutate: chosen.map(({ file }) => file),
    ignorePatterns: ['dist', 'data', 'docs', 'examples', 'bench', 'deploy', 'coverage'],
    reporters: ['clear-text'],
    clearTextReporter: { reportTests: false },
    tempDirName: join(work, 'sandbox'),
    concurrency: 2,
  };
  writeFileSync(join(work, 'stryker.json'), JSON.stringify(config));
  process.exitCode = run(
    process.execPath,
    [join(packages, 'core/bin/stryker.js'), 'run', join(work, 'stryker.json')],
    root,
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}
