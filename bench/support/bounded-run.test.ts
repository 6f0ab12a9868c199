import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { boundedRun } from './bounded-run.ts';
import { row } from './numbers.ts';

const folder = mkdtempSync(join(tmpdir(), 'hearth-bounded-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const program = (source: string): string => {
  const path = join(folder, `${Math.random()}.mjs`);
  writeFileSync(path, source);
  return path;
};

test('rows come through, also from a bench that leaves something open', async () => {
  const rows = [row('what', '1', '< 2', true, [1])];
  const path = program(`setInterval(() => {}, 1000); process.send(${JSON.stringify(rows)}, () => process.exit());`);
  expect(await boundedRun('fine', path, [], 60)).toEqual(rows);
});

test('one that throws misses its goal, and says so', async () => {
  expect(await boundedRun('broken', program('process.exit(3)'), [], 60)).toEqual([
    row('broken', 'ended with 3 and no result', 'a result', false),
  ]);
});

test('one that hangs is ended with what it started', async () => {
  const pidFile = join(folder, 'pid');
  const path = program(`
    import { spawn } from 'node:child_process';
    import { writeFileSync } from 'node:fs';
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
    setInterval(() => {}, 1000);`);
  expect(await boundedRun('hangs', path, [], 2)).toEqual([row('hangs', 'not done within 2 s', 'a result', false)]);
  expect(() => process.kill(Number(readFileSync(pidFile, 'utf8')), 0)).toThrow();
});
