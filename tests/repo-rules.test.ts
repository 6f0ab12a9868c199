import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { rules, type SourceFile, trackedFiles } from '../scripts/repo-rules.ts';

const root = join(import.meta.dirname, '..');
const temporary = mkdtempSync(join(tmpdir(), 'hearth-rules-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

const file = (path: string, text: string): SourceFile => ({ path, text });
const lines = (count: number): string => 'x;\n'.repeat(count - 1);
const page = file('docs/drivers/warp.md', '# warp');
const suite = file(
  'tests/conformance/drivers.test.ts',
  "import '../../backend/execution-engine/drivers/warp/driver.ts';",
);
const driver = file('backend/execution-engine/drivers/warp/driver.ts', '');

interface Case {
  readonly rule: string;
  /** Each is one breach, found at its last line or named by its path. */
  readonly broken: readonly (readonly SourceFile[])[];
  readonly clean: readonly SourceFile[];
}

const cases: readonly Case[] = [
  {
    rule: 'the environment is read in backend/config only',
    broken: [
      [file('backend/gateway/server.ts', "const port = process.env['PORT'];")],
      [file('backend/scheduler/a.ts', 'const { PORT } = process.env;')],
      [file('backend/core/a.ts', 'copy(process.env);')],
      [file('shared/a.ts', 'export const a = process.env.A;')],
      [file('backend/main.ts', "const home = process.env['HOME'];")],
      [file('backend/main.ts', 'start(process.env);')],
    ],
    clean: [
      file('backend/config/settings.ts', "process.env['PORT'];"),
      file('backend/main.ts', "loadSettings(process.env); find(process.env['PATH'] ?? '');"),
      file('backend/gateway/server.test.ts', "process.env['PORT'];"),
      file('backend/execution-engine/runtimes/nodejs/guest/agent.ts', "process.env['HEARTH_CHANNEL'];"),
      file('backend/execution-engine/drivers/process/attack-probes.ts', 'export const probe = "return process.env";'),
      file('backend/pool/a.ts', '// not process.env: an option\nconst a = `process.env`;'),
    ],
  },
  {
    rule: 'no shell strings',
    broken: [
      [file('backend/a.ts', "import { exec } from 'node:child_process';")],
      [file('backend/a.ts', "import { execSync as run } from 'child_process';")],
      [file('cli/a.ts', "import * as processes from 'node:child_process';\nprocesses.exec(`ls ${name}`);")],
      [file('backend/a.ts', "spawn('ls', [name], { shell: true });")],
      [file('backend/a.ts', "spawn('ls', [name], { shell: '/bin/sh' });")],
    ],
    clean: [
      file('backend/a.ts', "import { execFile, spawn } from 'node:child_process';\nspawn('a', [], { shell: false });"),
      file('backend/b.ts', 'const found = /a/.exec(text); database.exec(sql); exec(sql);'),
      file('backend/c.ts', "export const probe = \"require('child_process').exec('id'), { shell: true }\";"),
      file('backend/a.test.ts', "import { exec } from 'node:child_process';"),
    ],
  },
  {
    rule: 'HTTP status numbers of errors are in error-mapping.ts and the gateway only',
    broken: [
      [file('backend/control-plane/a.ts', 'throw Object.assign(new Error(), { statusCode: 404 });')],
      [file('backend/scheduler/a.ts', 'const problem = { status: 503 };')],
      [file('backend/api/controllers/a.ts', 'reply.code(409).send();')],
      [file('backend/api/routes/a.ts', 'response.statusCode = 500;')],
    ],
    clean: [
      file('backend/api/error-mapping.ts', 'reply.code(404);'),
      file('backend/gateway/a.ts', 'response.statusCode = 502;'),
      file('backend/api/routes/a.ts', 'reply.code(201); reply.code(status);'),
      file('backend/scheduler/a.ts', 'const answer = { statusCode: head.status };'),
      file('backend/scheduler/a.test.ts', 'expect({ status: 404 });'),
    ],
  },
  {
    rule: 'the compiler is not silenced',
    broken: ['ignore', 'nocheck', 'expect-error'].map((word) => [file('cli/a.ts', `// @ts-${word} later`)]),
    clean: [file('cli/a.ts', '// nothing here'), file('docs/types.md', '`@ts-ignore` is not used')],
  },
  {
    rule: 'files stay readable in one go (400 lines, tests 700)',
    broken: [
      [file('backend/a.ts', lines(401))],
      [file('frontend/a.tsx', lines(401))],
      [file('backend/a.test.ts', lines(701))],
      [file('tests/support/a.ts', lines(701))],
    ],
    clean: [file('backend/a.ts', lines(400)), file('backend/a.test.ts', lines(700)), file('docs/a.md', lines(2000))],
  },
  {
    rule: 'no to-do notes',
    broken: ['TODO', 'FIXME', 'XXX', 'HACK'].map((word) => [file('backend/a.ts', `// ${word}: later`)]),
    clean: [file('backend/a.ts', "const todoList = 'XXXL';"), file('docs/a.md', 'TODO lists')],
  },
  {
    rule: 'every driver has a page and a place in the conformance suite',
    broken: [
      [driver, suite],
      [driver, page],
    ],
    clean: [driver, page, suite, file('backend/execution-engine/drivers/support/a.ts', '')],
  },
  {
    rule: 'no absolute paths of one machine, no secrets',
    broken: [
      [file('docs/a.md', `see /${'work'}/main/docs`)],
      [file('backend/a.ts', `const home = '/home/${'jane'}/data';`)],
      [file('tests/key.pem', `-----BEGIN RSA ${'PRIVATE'} KEY-----`)],
    ],
    clean: [file('docs/a.md', 'see docs/, $HOME/data and /usr/bin/node'), file('a.pem', '-----BEGIN CERTIFICATE-----')],
  },
];

const ruleOf = (name: string) => {
  const rule = rules.find((each) => each.name === name);
  if (rule === undefined) throw new Error(`there is no rule "${name}"`);
  return rule;
};

it('has a case for every rule', () => {
  expect(cases.map((each) => each.rule)).toEqual(rules.map((rule) => rule.name));
});

describe.each(cases)('$rule', ({ rule, broken, clean }) => {
  it('finds what breaks it, where it is', () => {
    for (const files of broken) {
      const found = ruleOf(rule).breaks(files);
      expect(found, JSON.stringify(files)).toHaveLength(1);
      const last = files.at(-1);
      const isPlace = found[0]?.startsWith(`${last?.path}:`) === true || found[0]?.includes('warp') === true;
      expect(isPlace, found[0]).toBe(true);
    }
  });

  it('lets the rest pass', () => {
    expect(ruleOf(rule).breaks(clean)).toEqual([]);
  });
});

it('names the line', () => {
  const found = ruleOf('no shell strings').breaks([file('cli/a.ts', '\n\n  spawn(a, [], { shell: true });')]);
  expect(found).toEqual(['cli/a.ts:3: use execFile or spawn with an argument list']);
});

it('reads what git would take: new files too, ignored, binary and deleted ones not', () => {
  const git = (...args: readonly string[]) => execFileSync('git', args, { cwd: temporary });
  const write = (path: string) => writeFileSync(join(temporary, path), `in ${path}`);
  git('init', '--quiet');
  mkdirSync(join(temporary, 'a folder'));
  for (const path of ['tracked.ts', 'a folder/new.ts', 'ignored.log', 'logo.png', 'gone.ts']) write(path);
  writeFileSync(join(temporary, '.gitignore'), '*.log\n');
  git('add', 'tracked.ts', 'gone.ts');
  rmSync(join(temporary, 'gone.ts'));
  symlinkSync('a folder', join(temporary, 'link'));
  const found = trackedFiles(temporary).toSorted((a, b) => (a.path < b.path ? -1 : 1));
  expect(found.map((each) => each.path)).toEqual(['.gitignore', 'a folder/new.ts', 'tracked.ts']);
  expect(found[1]?.text).toBe('in a folder/new.ts');
});

describe('the repository', () => {
  const files = trackedFiles(root);
  it.each(rules)('keeps to it: $name', (rule) => {
    expect(files.length).toBeGreaterThan(400);
    expect(rule.breaks(files)).toEqual([]);
  });
});
