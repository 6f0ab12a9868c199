import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { settingsSchema } from '../backend/config/schema.ts';

const root = join(import.meta.dirname, '..');
const pages = [
  ...globSync('*.md', { cwd: root }),
  ...globSync('{docs,backend,examples}/**/*.md', { cwd: root }).filter((path) => !path.includes('node_modules')),
].toSorted();

/** Text outside fenced blocks and code spans: an example is no link. */
const prose = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');

/** GitHub's anchors: lower case, punctuation dropped, spaces to hyphens. */
function anchorsOf(text: string): readonly string[] {
  const headings = text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ +(.*)$/gm);
  return [...headings].map(([, title]) =>
    (title ?? '')
      .toLowerCase()
      .replace(/[^\p{Letter}\p{Number}\- _]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** What is wrong with the relative links of one page. */
function brokenLinks(path: string, text: string, read: (path: string) => string | undefined): readonly string[] {
  const targets = [...prose(text).matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)|^\[[^\]]+\]: +(\S+)/gm)];
  return targets.flatMap(([, inline, reference]) => {
    const target = inline ?? reference ?? '';
    if (/^[a-z]+:/i.test(target)) return [];
    const [file = '', anchor] = decodeURI(target).split('#');
    const place = file === '' ? path : join(dirname(path), file);
    const content = file === '' ? text : read(place);
    if (content === undefined) return [`${path}: ${target} does not exist`];
    if (anchor === undefined || !place.endsWith('.md') || anchorsOf(content).includes(anchor)) return [];
    return [`${path}: ${place} has no heading for #${anchor}`];
  });
}

const readPlace = (path: string): string | undefined => {
  const place = join(root, path);
  if (!existsSync(place)) return undefined;
  return path.endsWith('.md') ? readFileSync(place, 'utf8') : '';
};

describe('links between pages', () => {
  it('are looked at', () => {
    const read = (path: string) => (path === 'docs/b.md' ? '# The `b` page, 2nd' : undefined);
    const text = '[b](b.md#the-b-page-2nd) [x](https://x.org/y) `[c](c.md)`\n```\n[d](d.md)\n```\n';
    expect(brokenLinks('docs/a.md', text, read)).toEqual([]);
    expect(brokenLinks('docs/a.md', '[c](c.md)', read)).toEqual(['docs/a.md: c.md does not exist']);
    expect(brokenLinks('docs/a.md', '[b](./b.md#no)', read)).toEqual(['docs/a.md: docs/b.md has no heading for #no']);
    expect(brokenLinks('docs/a.md', '![b](../b.png "B")', read)).toEqual(['docs/a.md: ../b.png does not exist']);
    expect(brokenLinks('docs/a.md', '[b][1]\n\n[1]: c.md', read)).toEqual(['docs/a.md: c.md does not exist']);
  });

  it.each(pages)('%s', (path) => {
    expect(brokenLinks(path, readFileSync(join(root, path), 'utf8'), readPlace)).toEqual([]);
  });

  it('are read from every page', () => {
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md']));
    expect(pages.length).toBeGreaterThan(10);
  });
});

describe('settings that pages name', () => {
  const settings = new Set(Object.keys(settingsSchema.shape));
  /** Of the tests, where real hypervisors are, and of the benches. */
  const ofTests = new Set([
    'HEARTH_BENCH_ORPHANS',
    'HEARTH_BENCH_SOAK_MINUTES',
    'HEARTH_TEST_FILES_AT_ONCE',
    'HEARTH_TEST_FUZZ_CASES',
    'HEARTH_TEST_FUZZ_FACTOR',
    'HEARTH_TEST_FUZZ_SEED',
    'HEARTH_TEST_FIRECRACKER',
    'HEARTH_TEST_IDEMPOTENCY_KEYS',
    'HEARTH_TEST_KILL_EVENTS',
    'HEARTH_TEST_KILL_MINUTES',
    'HEARTH_TEST_KILL_ROUNDS',
    'HEARTH_TEST_ORPHANS',
    'HEARTH_TEST_POWER_CUTS',
    'HEARTH_TEST_QEMU',
    'HEARTH_TEST_SLOW_CONNECTIONS',
  ]);
  /** Not settings of the platform: the CLI's own, what an agent is given in a sandbox, and names of the tooling. */
  const others = new Set([
    'HEARTH_CONFIG',
    'HEARTH_PROJECT',
    'HEARTH_URL',
    'HEARTH_TOKEN',
    'HEARTH_CHANNEL',
    'HEARTH_CHANNEL_KEY',
    'HEARTH_CODE_DIRECTORY',
  ]);

  it.each(pages)('exist: %s', (path) => {
    const named = new Set(readFileSync(join(root, path), 'utf8').match(/HEARTH_[A-Z0-9_]*[A-Z0-9]/g) ?? []);
    expect([...named].filter((name) => !settings.has(name) && !others.has(name) && !ofTests.has(name))).toEqual([]);
  });

  it('are all on the page of the configuration', () => {
    const page = readFileSync(join(root, 'docs/configuration.md'), 'utf8');
    expect([...settings].filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
    expect(settings.size).toBeGreaterThan(20);
  });

  it('leave out nothing that the CLI or the agents read', () => {
    const sources = globSync('{cli,backend/execution-engine/runtimes/*/guest}/**/*.{ts,py}', { cwd: root });
    const text = sources.map((path) => readFileSync(join(root, path), 'utf8')).join('\n');
    expect([...others].filter((name) => name !== 'HEARTH_CONFIG' && !text.includes(name))).toEqual([]);
    const tests = globSync('{bench/**/*,tests/**/*,backend/**/*.test,vitest.config}.ts', { cwd: root })
      .map((path) => readFileSync(join(root, path), 'utf8'))
      .join('\n');
    expect([...ofTests].filter((name) => !tests.includes(`env['${name}']`))).toEqual([]);
  });
});

describe('commands that pages show', () => {
  const scripts = Object.keys(
    (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }).scripts,
  );

  it.each(pages)('exist: %s', (path) => {
    const text = readFileSync(join(root, path), 'utf8');
    const run = [...text.matchAll(/`?npm run ([a-z][a-z:0-9-]*)/g)].map(([, name]) => name ?? '');
    expect(run.filter((name) => !scripts.includes(name))).toEqual([]);
    const files = [...text.matchAll(/\b(?:node|sh) ((?:scripts|bench)\/\S+\.(?:ts|sh))/g)].map(
      ([, file]) => file ?? '',
    );
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });
});
