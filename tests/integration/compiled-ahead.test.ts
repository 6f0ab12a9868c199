import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SandboxedCompiler } from '../../backend/execution-engine/builder/sandboxed-compiler.ts';
import type { BundleDigest } from '../../shared/ids.ts';
import { largeModule, largePython, loadableModule } from '../support/large-sources.ts';
import { startPlatform } from '../support/platform.ts';

const never = new AbortController().signal;
let work: string;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'hearth-ahead-'));
});
afterEach(() => rm(work, { recursive: true, force: true }));

async function compile(runtime: 'nodejs' | 'python', files: Readonly<Record<string, string>>) {
  const directory = join(work, 'bundle');
  const output = join(work, 'output');
  await mkdir(output);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(directory, path, '..'), { recursive: true });
    await writeFile(join(directory, path), text);
  }
  const compiler = new SandboxedCompiler({
    nodePath: process.execPath,
    pythonPath: '/usr/bin/python3',
    workDirectory: join(work, 'stages'),
  });
  const image = { digest: '0'.repeat(64) as BundleDigest, directory, sizeBytes: 0, fileCount: 0 };
  const isCompiled = await compiler.compile(image, runtime, output, never);
  const names = await readdir(output, { recursive: true, withFileTypes: true });
  const made = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return { isCompiled, directory, output, made: made.map((path) => path.slice(output.length + 1)).sort() };
}

test.each(['esm', 'cjs'] as const)(
  'Node accepts what was compiled of a large %s file, and nothing of it was run',
  async (format) => {
    const name = format === 'esm' ? 'index.mjs' : 'index.cjs';
    const { isCompiled, directory, output, made } = await compile('nodejs', {
      [name]: largeModule(format),
      'small.mjs': '1',
    });
    expect(isCompiled).toBe(true);
    expect(made).toHaveLength(1);
    expect(made[0]).toMatch(/^\.hearth-compiled\/v[\d.]+-\w+-[0-9a-f]{8}\/[0-9a-f]{8}$/);
    // As in an instance: the same path, another user, nothing writable but the link.
    const folder = join(output, (made[0] ?? '').split('/').slice(0, 2).join('/'));
    const load = `
    const { mkdirSync, symlinkSync } = require('node:fs');
    mkdirSync('/tmp/place');
    symlinkSync('/cache', '/tmp/place/${folder.split('/').at(-1)}-' + process.getuid());
    require('node:module').enableCompileCache('/tmp/place');
    (${format === 'esm'} ? import('/app/${name}') : new Promise((done) => done(require('/app/${name}')))).catch((error) => console.log(error.code));
  `;
    const { stderr, stdout } = await promisify(execFile)('bwrap', [
      ...[
        '--ro-bind',
        '/usr',
        '/usr',
        '--symlink',
        'usr/lib',
        '/lib',
        '--symlink',
        'usr/lib64',
        '/lib64',
        '--tmpfs',
        '/tmp',
      ],
      ...['--proc', '/proc', '--dev', '/dev', '--ro-bind', directory, '/app', '--ro-bind', folder, '/cache'],
      ...[
        '--ro-bind',
        process.execPath,
        '/node',
        '--setenv',
        'NODE_DEBUG_NATIVE',
        'COMPILE_CACHE',
        '/node',
        '-e',
        load,
      ],
    ]);
    // That it tried to write its file says that it runs here, and did not there.
    expect(stdout).toContain('ENOENT');
    expect(`${stdout}${stderr}`).toMatch(new RegExp(`/app/${name.replace('.', '\\.')} was accepted`));
  },
);

test('small files of Node, and small packages of Python, are left alone', async () => {
  expect(await compile('nodejs', { 'index.mjs': 'export const handler = 1' })).toMatchObject({
    isCompiled: false,
    made: [],
  });
  await rm(join(work, 'output'), { recursive: true });
  expect(await compile('python', { 'main.py': 'x = 1' })).toMatchObject({ isCompiled: false, made: [] });
});

test('every Python source that compiles gets its file, where Python looks; the same source the same file', async () => {
  const files = { 'main.py': largePython, 'pkg/__init__.py': '', 'pkg/old.py': 'print "two"\n' };
  const { made, output } = await compile('python', files);
  expect(made.map((path) => path.replace(/cpython-\d+/, 'x'))).toEqual([
    '__pycache__/main.x.pyc',
    'pkg/__pycache__/__init__.x.pyc',
  ]);
  const first = await readdir(output, { recursive: true });
  await rm(output, { recursive: true });
  const again = await compile('python', files);
  expect(await readdir(again.output, { recursive: true })).toEqual(first);
});

test('instances start from what the deploy compiled, and without it when it is gone', async () => {
  let platform = await startPlatform();
  try {
    const deploy = async (json: object) => {
      const answer = await platform.api('POST', '/api/v1/functions', json);
      expect(await answer.text()).toContain('digest');
      expect(answer.status).toBe(201);
    };
    const call = async (name: string) =>
      await (await platform.api('POST', `/api/v1/functions/${name}/invocations`, {})).json();
    const source = loadableModule();
    await deploy({ name: 'large', runtime: 'nodejs', files: { 'index.mjs': source } });
    const main = 'import large, os\ndef handler(event, context):\n    return os.path.exists(large.__cached__)\n';
    await deploy({
      name: 'py',
      runtime: 'python',
      handler: 'main.handler',
      files: { 'main.py': main, 'large.py': largePython },
    });
    expect(await call('large')).toEqual(['2the text of f1', expect.stringContaining('/hearth-')]);
    expect(await call('py')).toBe(true);
    await platform.stop();
    await rm(join(platform.dataDirectory, 'compiled'), { recursive: true });
    platform = await startPlatform({ dataDirectory: platform.dataDirectory });
    expect(await call('large')).toEqual(['2the text of f1', null]);
    const index = join(platform.dataDirectory, 'compiled/index');
    await expect.poll(() => existsSync(index)).toBe(true);
  } finally {
    await platform.dispose();
  }
});
