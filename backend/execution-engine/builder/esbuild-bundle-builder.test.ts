import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { InlineFiles } from '../../../shared/api/functions.ts';
import type { PlatformError } from '../../../shared/errors.ts';
import { unwatched } from '../../core/ports/build-watcher.ts';
import type { BundleIssue, RuntimeAdapter } from '../../core/ports/runtime-adapter.ts';
import type { BuildContext, BuildTools } from './build-context.ts';
import { DirectoryBundleStore } from './directory-bundle-store.ts';
import { EsbuildBundleBuilder, type EsbuildBundleBuilderOptions } from './esbuild-bundle-builder.ts';

let work: string;
let builder: EsbuildBundleBuilder;
const issues: BundleIssue[] = [];
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'hearth-builder-'));
  issues.length = 0;
  builder = makeBuilder();
});
afterEach(async () => {
  await builder.close();
  expect(await readdir(join(work, 'work'))).toEqual([]);
  await rm(work, { recursive: true, force: true });
});

function adapter(name: 'nodejs' | 'python'): RuntimeAdapter {
  return {
    name,
    probe: async () => ({ status: 'available', version: '0' }),
    validate: async () => issues,
    plan: () => {
      throw new Error('a builder starts nothing');
    },
  };
}

const noTools: BuildTools = {
  installNpm: () => Promise.reject(new Error('nothing to install was expected')),
  installPip: () => Promise.reject(new Error('nothing to install was expected')),
  keepPackages: () => Promise.reject(new Error('nothing to keep was expected')),
  bundle: () => Promise.reject(new Error('nothing to bundle was expected')),
  close: () => Promise.resolve(),
};

function makeBuilder(options: Partial<EsbuildBundleBuilderOptions> = {}): EsbuildBundleBuilder {
  return new EsbuildBundleBuilder({
    store: new DirectoryBundleStore({ directory: join(work, 'bundles') }),
    adapters: new Map([
      ['nodejs', adapter('nodejs')],
      ['python', adapter('python')],
    ]),
    tools: noTools,
    workDirectory: join(work, 'work'),
    ...options,
  });
}

const never = new AbortController().signal;
function build(files: InlineFiles, handler = 'index.handler', runtime: 'nodejs' | 'python' = 'nodejs', signal = never) {
  return builder.build({ kind: 'inline', files }, { runtime, handler }, unwatched, signal);
}

test('plain JavaScript is shipped byte for byte', async () => {
  const files = {
    'index.mjs': `#!/usr/bin/env node
import fs, { readFile } from 'node:fs/promises';
import * as path from "node:path";
import './lib/a.js';
export * from './lib/a.js';
export { a as b } from './lib/a.js';
const here = import.meta.url;
const data = await readFile(new URL(here));
export default class Foo {}
export async function handler(event) { return data.length + path.sep + fs; }
`,
    'lib/a.js': 'export const a = 1;',
    'package.json': '{"type":"module"}',
  };
  const { image } = await build(files);
  for (const [path, text] of Object.entries(files)) {
    expect(await readFile(join(image.directory, path), 'utf8')).toBe(text);
  }
  expect(image.fileCount).toBe(3);
});

test.each([
  [
    'an ES module',
    { 'index.mjs': 'export const a = 1;\nexport const b = ;\n' },
    'index.mjs:2:18',
    'export const b = ;',
  ],
  ['a CommonJS module', { 'index.cjs': 'exports.handler = function ( {\n' }, 'index.cjs:2:1', ''],
  [
    'an imported module',
    { 'index.mjs': "import './lib/bad.mjs';\nexport const handler = 1;", 'lib/bad.mjs': 'let x = {;\n' },
    'lib/bad.mjs:1:10',
    'let x = {;',
  ],
  [
    'TypeScript',
    { 'index.ts': 'const a: number = ;\nexport const handler = a;' },
    'index.ts:1:19',
    'const a: number = ;',
  ],
])('a syntax error in %s names the place and shows the line', async (_what, files, place, line) => {
  const error = await build(files as unknown as InlineFiles).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ kind: 'unprocessable', code: 'build_failed' });
  expect((error as Error).message).toContain(place);
  expect((error as Error).message).toContain(line);
  const [, file, row, column] = /^(.*):(\d+):(\d+)$/.exec(place) ?? [];
  const known = { file, line: Number(row), column: Number(column), text: expect.stringMatching(/nexpected|^Expected/) };
  expect((error as PlatformError).detail['buildErrors']).toEqual([known]);
});

test('one TypeScript file compiles to a module whose map names the source', async () => {
  const text =
    'interface A { n: number }\n\nexport const handler = (event: A): number => {\n  throw new Error("n" + event.n);\n};\n';
  const { image, log } = await build({ 'src/index.ts': text }, 'src/index.handler');
  const output = join(image.directory, 'src/index.mjs');
  const module = (await import(pathToFileURL(output).href)) as { handler: (event: unknown) => unknown };
  expect(() => module.handler({ n: 3 })).toThrow('n3');
  expect(module.handler.name).toBe('handler');
  const map = JSON.parse(await readFile(`${output}.map`, 'utf8')) as { sources: string[]; sourcesContent: string[] };
  expect(map).toMatchObject({ sources: ['index.ts'], sourcesContent: [text] });
  expect(await readFile(output, 'utf8')).toContain('//# sourceMappingURL=index.mjs.map');
  expect(log).toEqual(['compiled src/index.ts to src/index.mjs']);
});

test('TypeScript without module syntax becomes CommonJS', async () => {
  const { image } = await build({
    'index.ts': "const fs = require('node:fs');\nmodule.exports.handler = (): number => 1;",
  });
  expect(await readdir(image.directory)).toContain('index.cjs');
});

test('a handler without a file is refused with what there is', async () => {
  await expect(build({ 'app.mjs': 'export {}' })).rejects.toThrow(
    /no index\.mjs.*the bundle has app\.mjs.*app\.handler/,
  );
  await expect(build({ 'app.mjs': '' }, 'index')).rejects.toMatchObject({ code: 'handler_invalid' });
  await expect(build({ 'README.md': '' })).rejects.toThrow('no JavaScript or TypeScript file');
});

test('a broken package.json is refused', async () => {
  const files = { 'index.mjs': '', 'package.json': '{"name": }' };
  await expect(build(files)).rejects.toThrow('package.json is not valid JSON');
  const cases = [
    ['{\n  "name": }', { line: 2, column: 11 }],
    ['{\n', { line: 2, column: 1, text: 'Expected string in JSON but found end of file' }],
    ['{"dependencies": ["a"]}', { line: null, column: null, text: expect.stringMatching(/^dependencies: /) }],
  ] as const;
  for (const [text, place] of cases) {
    const buildErrors = [expect.objectContaining({ file: 'package.json', ...place })];
    await expect(build({ ...files, 'package.json': text })).rejects.toMatchObject({ detail: { buildErrors } });
  }
  const wrong = { 'index.mjs': '', 'package.json': '{"dependencies": ["a"]}' };
  await expect(build(wrong)).rejects.toMatchObject({ issues: [{ path: 'files.package.json.dependencies' }] });
});

test('what the runtime adapter objects to fails the build and leaves nothing', async () => {
  issues.push({ path: 'handler', message: 'no such export' });
  const error = await build({ 'index.mjs': 'export {}' }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'build_failed', issues, detail: { buildLog: [] } });
  await expect(readdir(join(work, 'bundles'))).rejects.toThrow('ENOENT');
});

test('a handler outside the bundle is refused before anything is read or written', async () => {
  const host = join(work, 'host');
  await mkdir(host);
  await writeFile(join(host, 'key.ts'), "export const handler = (): string => 'secret';");
  for (const handler of ['../../../host/key.handler', 'a/../../../../host/key.handler', '/host/key.handler']) {
    await expect(build({ 'index.mjs': '' }, handler)).rejects.toMatchObject({
      kind: 'invalid_request',
      code: 'handler_invalid',
    });
  }
  expect(await readdir(host)).toEqual(['key.ts']);
});

test('Python sources are shipped as they are', async () => {
  const { image } = await build(
    { 'main.py': 'def handler(e, c): ...', 'requirements.txt': '# none\n' },
    'main.handler',
    'python',
  );
  expect(image.fileCount).toBe(2);
});

test('dependencies are installed and bundled; a failure carries the log', async () => {
  const calls: string[] = [];
  const tools: BuildTools = {
    ...noTools,
    installNpm: async (context: BuildContext) => {
      calls.push('install');
      context.log.add('added 1 package\nin \u001b[31m1s\u001b[0m');
      return join(context.buildDirectory, 'node_modules');
    },
    bundle: async (_context, request) => {
      calls.push(`bundle ${request.entry} -> ${request.output} ${request.packages}`);
      throw new Error('esbuild broke');
    },
  };
  builder = makeBuilder({ tools });
  const files = {
    'index.js': "import a from 'a'; export const handler = a;",
    'package.json': '{"dependencies":{"a":"1"}}',
  };
  const error = await build(files).catch((reason: unknown) => reason);
  expect(calls).toEqual(['install', 'bundle index.js -> index.mjs bundle']);
  expect(error).toMatchObject({ kind: 'internal', detail: { buildLog: ['added 1 package', 'in 1s'] } });
});

test('at most two builds run; one that waits can be aborted', async () => {
  const gate = Promise.withResolvers<void>();
  let running = 0;
  let peak = 0;
  const installPip = async (): Promise<void> => {
    running++;
    peak = Math.max(peak, running);
    await gate.promise;
    running--;
  };
  builder = makeBuilder({ tools: { ...noTools, installPip } });
  const files = (n: number) => ({ 'main.py': `n = ${n}`, 'requirements.txt': 'x' });
  const builds = [1, 2, 3].map((n) => build(files(n), 'main.handler', 'python'));
  const stop = new AbortController();
  const waiting = build(files(4), 'main.handler', 'python', stop.signal);
  await vi.waitFor(() => expect(running).toBe(2), { timeout: 60_000 });
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ kind: 'conflict', code: 'build_cancelled' });
  gate.resolve();
  await Promise.all(builds);
  expect(peak).toBe(2);
});
