import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { benches } from '../bench/catalog.ts';

const root = join(import.meta.dirname, '..');
const page = readFileSync(join(root, 'SPECIFICATION.md'), 'utf8');
const rowsOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (promise|goal|---)/.test(line))
    .map((line) => ({ promise: line.split('|')[1]?.trim() ?? '', line }));
const rows = rowsOf(page);
const unitTests = globSync('{backend,shared,cli,frontend,scripts,bench,tests}/**/*.test.ts', { cwd: root });

/** `npm run test:drivers` (process-attacks, driver suites): what the words in brackets begin with are files of that suite, or folders of unit tests. */
function isTest(suite: string, name: string): boolean {
  if (suite === 'unit') {
    return unitTests.some((path) => `/${path}`.endsWith(`/${name}.test.ts`) || path.startsWith(`${name}/`));
  }
  const folder = join(root, 'tests', suite === 'drivers' ? 'conformance' : suite);
  return [`${name}.test.ts`, `${name}-suite.ts`].some((file) => existsSync(join(folder, file)));
}

describe('SPECIFICATION.md', () => {
  it.each(rows)('names tests and benches that exist: $promise', ({ line }) => {
    const named = [...line.matchAll(/npm run test:(\w+)[^`]*` \(([^)]*)\)/g)].flatMap(([, suite = '', names = '']) =>
      names.split(', ').map((name) => ({ suite, name: name.replace(/^and /, '').split(' ')[0] ?? '' })),
    );
    expect(named.filter(({ suite, name }) => !isTest(suite, name))).toEqual([]);
    const measured = [...line.matchAll(/npm run bench ([a-z -]+)`/g)].flatMap(([, names = '']) => names.split(' '));
    expect(measured.filter((name) => benches[name] === undefined)).toEqual([]);
  });

  it.each(rows)('says how it is shown, or that it is not met: $promise', ({ line }) => {
    expect(line).toMatch(/npm run |\*\*no\*\* \| +\|$/);
  });

  it('says of every goal whether it is met', () => {
    const goals = rowsOf(page.split('## The goals, one by one')[1] ?? '');
    const says = ({ line }: (typeof goals)[number]) =>
      line.split('|').length === 6 && / \| (yes|in part|\*\*no\*\*(, [^|]+)?) \| /.test(line);
    expect(goals.filter((goal) => !says(goal))).toEqual([]);
    expect(goals.length).toBeGreaterThanOrEqual(30);
  });
});
