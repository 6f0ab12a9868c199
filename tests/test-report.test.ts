import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { skipReason, type TestReport } from '../scripts/test-report.ts';
import { skippedFor } from './support/skip-reason.ts';

/** Each run starts vitest once per suite and round, which takes a busy machine seconds. */
vi.setConfig({ testTimeout: 180_000 });

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'hearth-report-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A tree with the real runner and reporter, and one suite of planted tests. */
beforeAll(() => {
  mkdirSync(join(folder, 'scripts'));
  for (const name of ['scripts/run-vitest.ts', 'scripts/test-report.ts']) {
    writeFileSync(join(folder, name), readFileSync(join(root, name)));
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
  const projects =
    "['good', 'silent', 'broken', 'empty', 'unloadable', 'stray', 'flaky', 'doubtful'].map((name) => ({ test: { name, include: [`${name}.test.ts`], retry: name === 'doubtful' ? 1 : 0 } }))";
  writeFileSync(join(folder, 'vitest.config.ts'), `export default { test: { projects: ${projects} } };`);
  const planted = (name: string, body: string) =>
    writeFileSync(
      join(folder, `${name}.test.ts`),
      `import { beforeAll, describe, it } from 'vitest';
import { skippedFor } from ${JSON.stringify(join(import.meta.dirname, 'support/skip-reason.ts'))};
${body}`,
    );
  planted(
    'good',
    `it('runs', () => {});
it('looks', (context) => context.skip(true, 'no moon'));
describe.skipIf(true)(\`night\${skippedFor('no\\n stars (yet)')}\`, () => { it('falls', () => {}); });`,
  );
  planted('silent', "it('runs', () => {}); it.skip('hides', () => {});");
  planted('unloadable', "it('never runs', () => {}); throw new Error('no');");
  planted(
    'stray',
    `it('runs', async () => {
  setTimeout(() => { throw new Error('afterwards'); });
  await new Promise((resolve) => setTimeout(resolve, 50));
});
describe('group', () => { beforeAll(() => { throw new Error('no'); }); it('never runs', () => {}); });`,
  );
  const atFirst = `import { existsSync, writeFileSync } from 'node:fs';
it('runs', () => {});
it('fails at first', () => {
  if (!existsSync('been-here')) { writeFileSync('been-here', ''); throw new Error('no'); }
});`;
  planted('flaky', atFirst);
  planted('doubtful', atFirst);
  planted('broken', "it('runs', () => {}); it('fails', () => { throw new Error('no'); });");
});

function run(...suites: readonly string[]) {
  const ran = spawnSync(process.execPath, ['scripts/run-vitest.ts', ...suites], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });
  return { status: ran.status, lines: ran.stdout.trimEnd().split('\n') };
}

it('ends with the sum, and says why what was skipped was skipped', () => {
  const { status, lines } = run('good');
  expect(lines.at(-1)).toBe('1 passed, 0 failed, 2 skipped');
  expect(lines.slice(lines.indexOf('Skipped:'), -2)).toEqual([
    'Skipped:',
    '  1: no moon',
    '    good: looks',
    '  1: no stars (yet)',
    '    good: night > falls',
  ]);
  expect(status).toBe(0);
});

it('adds up all suites, and fails for a failure, a skip without a reason and a suite without a test', () => {
  const { status, lines } = run('good', 'silent', 'broken', 'empty');
  expect(lines.at(-1)).toBe('3 passed, 3 failed, 3 skipped');
  expect(lines.slice(lines.indexOf('Failed:'), -2)).toEqual([
    'Failed:',
    '  silent: hides',
    '    it is skipped and does not say why',
    '  broken: fails',
    '    no',
    '  empty: the runner',
    '    it ended with status 1 and no failed test',
  ]);
  expect(status).toBe(1);
});

it('counts files that do not load, groups whose hooks fail and errors outside of tests', () => {
  expect(run('good', 'unloadable').lines.at(-1)).toBe('1 passed, 1 failed, 2 skipped');
  const { status, lines } = run('stray');
  expect(lines.at(-1)).toBe('1 passed, 2 failed, 1 skipped');
  expect(lines).toContain('  1: what prepares its group failed');
  expect(lines).toContain('  stray: group');
  expect(lines).toContain('  stray: outside of any test');
  expect(status).toBe(1);
});

it('names what passed only at its second try, and tries nothing twice where all is repeated', () => {
  rmSync(join(folder, 'been-here'), { force: true });
  const { status, lines } = run('doubtful');
  expect(lines.slice(lines.indexOf('Passed at the second try:'))).toEqual([
    'Passed at the second try:',
    '  doubtful: fails at first',
    '    no',
    '',
    '2 passed, 0 failed, 0 skipped',
  ]);
  expect(status).toBe(0);
  rmSync(join(folder, 'been-here'));
  expect(run('doubtful', '--repeat=2').lines.at(-1)).toBe('3 passed, 1 failed, 0 skipped');
});

it.each([['--repeat', '3'], ['--repeat=3']])(
  'runs everything as often as %s says, and tells what failed how often',
  (...repeat) => {
    rmSync(join(folder, 'been-here'), { force: true });
    const { status, lines } = run('flaky', 'good', ...repeat);
    expect(lines.at(-1)).toBe('8 passed, 1 failed, 6 skipped');
    expect(lines).toContain('flaky, round 1: 1 passed, 1 failed');
    expect(lines).toContain('flaky, round 2: 2 passed, 0 failed');
    expect(lines).toContain('  1 of 3 rounds  flaky: fails at first');
    expect(lines.filter((line) => line === '    good: looks')).toHaveLength(1);
    expect(status).toBe(1);
  },
);

it('passes names of files on', () => {
  expect(run('good', 'broken', 'good.test.ts').lines.at(-1)).toBe('1 passed, 1 failed, 2 skipped');
  expect(run('flaky', 'broke').lines.at(-1)).toBe('0 passed, 1 failed, 0 skipped');
});

it('fails when nothing ran', () => {
  expect(run()).toMatchObject({ status: 1, lines: expect.arrayContaining(['0 passed, 0 failed, 0 skipped']) });
});

it('finds the reason in the note or the name', () => {
  const nothing: TestReport['skipped'][number]['reason'] = undefined;
  expect(skipReason('a > b', 'because')).toBe('because');
  expect(skipReason(`a${skippedFor('x (y) z')} > b`, undefined)).toBe('x (y) z');
  expect(skipReason(`a > b${skippedFor(undefined)}`, undefined)).toBe(nothing);
});
