import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { skippedFor } from './support/skip-reason.ts';

const root = join(import.meta.dirname, '..');
const scripts = [
  '.ci/run',
  ...readdirSync(join(root, 'scripts'))
    .filter((name) => name.endsWith('.sh'))
    .map((name) => `scripts/${name}`),
];
const hasShellcheck = spawnSync('shellcheck', ['--version'], { stdio: 'ignore' }).status === 0;

interface Manifest {
  readonly engines: { readonly node: string };
  readonly bin: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;

describe.each(scripts)('%s', (path) => {
  const text = readFileSync(join(root, path), 'utf8');

  it('parses in the shell that its first line names', () => {
    const shell = /^#!\/usr\/bin\/env bash$/m.test(text) ? 'bash' : 'sh';
    const check = spawnSync(shell, ['-n', path], { cwd: root, encoding: 'utf8' });
    expect(check.stderr).toBe('');
    expect(check.status).toBe(0);
  });

  it.skipIf(!hasShellcheck)(
    `passes shellcheck${skippedFor(hasShellcheck ? undefined : 'shellcheck is not installed')}`,
    () => {
      // -x follows what is sourced, relative to the root, where every entry point goes first.
      const check = spawnSync('shellcheck', ['-x', path], { cwd: root, encoding: 'utf8' });
      expect(check.stdout + check.stderr).toBe('');
    },
  );

  it('stops at the first failure, unless it is sourced', () => {
    const isSourced = text.startsWith('# shellcheck shell=sh');
    expect(isSourced || /^set -eu/m.test(text)).toBe(true);
  });
});

it('package.json names scripts and programs that exist', () => {
  const named = Object.values(manifest.scripts).flatMap((command) => command.match(/\S+\.(?:ts|sh)\b/g) ?? []);
  const programs = Object.values(manifest.bin);
  expect(named.length).toBeGreaterThan(5);
  expect([...named, ...programs].filter((path) => !existsSync(join(root, path)))).toEqual([]);
  for (const path of [...programs, '.ci/run']) expect(statSync(join(root, path)).mode & 0o111, path).not.toBe(0);
});

it('asks for the same Node everywhere, and brings one that will do', () => {
  const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(manifest.engines.node) ?? [];
  expect(major).toBeDefined();
  const shell = readFileSync(join(root, 'scripts/node.sh'), 'utf8');
  expect(shell).toContain(`a > ${major} || (a === ${major} && b >= ${minor})`);
  expect(shell).toContain(`needs Node ${major}.${minor} or newer`);
});

it('says what is wrong, and does not begin, when no Node will do', () => {
  const script = '. scripts/node.sh; hearth_is_new_enough() { return 1; }; hearth_find_node; echo began';
  const run = spawnSync('sh', ['-c', script], { cwd: root, encoding: 'utf8' });
  expect(run.status).toBe(1);
  expect(run.stdout).toBe('');
  expect(run.stderr).toMatch(/needs Node .* install Node 24 from https:\/\/nodejs\.org/);
});

it('finds a Node that runs TypeScript', () => {
  const script = '. scripts/node.sh; hearth_find_node; exec "$NODE" -p "process.features.typescript"';
  expect(execFileSync('sh', ['-c', script], { cwd: root, encoding: 'utf8' }).trim()).toBe('strip');
});
