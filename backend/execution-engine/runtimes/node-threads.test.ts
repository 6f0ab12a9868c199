import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { threadOptions } from './node-threads.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-threads-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (options: readonly string[], program: string): string =>
  execFileSync(process.execPath, [...options, '-e', program], { encoding: 'utf8' }).trim();

it.each([
  [0.05, ['--v8-pool-size=1', '--no-parallel-scavenge']],
  [1, ['--v8-pool-size=1', '--no-parallel-scavenge']],
  [1.5, ['--v8-pool-size=2']],
  [4, ['--v8-pool-size=4']],
  [64, ['--v8-pool-size=4']],
])('starts no more helpers than %d processors can run', (cpus, options) => {
  expect(threadOptions(cpus)).toEqual(options);
});

it('are taken by Node, which then has three threads less', () => {
  const threads = "console.log(require('node:fs').readdirSync('/proc/self/task').length)";
  expect(Number(run([], threads)) - Number(run(threadOptions(1), threads))).toBe(3);
});

it('leave code usable that was compiled without them', () => {
  const cache = JSON.stringify(join(folder, 'cache'));
  const script = "const source = 'function a(x) { return x + 1; } a(1)';";
  run([], `${script} require('node:fs').writeFileSync(${cache}, new vm.Script(source).createCachedData())`);
  const use = `${script} console.log(new vm.Script(source, { cachedData: fs.readFileSync(${cache}) }).cachedDataRejected)`;
  for (const cpus of [1, 2, 4]) expect(run(threadOptions(cpus), use)).toBe('false');
  expect(run(['--no-lazy'], use)).toBe('true');
});
