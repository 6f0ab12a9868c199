import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BuildRecord } from '../../backend/core/build-record.ts';
import type { RuntimeAdapter } from '../../backend/core/ports/runtime-adapter.ts';
import { DirectoryBundleStore } from '../../backend/execution-engine/builder/directory-bundle-store.ts';
import { EsbuildBundleBuilder } from '../../backend/execution-engine/builder/esbuild-bundle-builder.ts';
import {
  SandboxedBuildTools,
  type SandboxedBuildToolsOptions,
} from '../../backend/execution-engine/builder/sandboxed-build-tools.ts';
import { NodejsAdapter } from '../../backend/execution-engine/runtimes/nodejs/adapter.ts';
import { PythonAdapter } from '../../backend/execution-engine/runtimes/python/adapter.ts';
import type { InlineFiles } from '../../shared/api/functions.ts';
import type { PlatformError } from '../../shared/errors.ts';
import type { RuntimeName } from '../../shared/version-config.ts';
import { sandboxedIn } from '../support/npm-registry.ts';
import { skippedFor } from '../support/skip-reason.ts';

const nodePath = process.execPath;
const pythonPath = '/usr/bin/python3';
const adapters = new Map<RuntimeName, RuntimeAdapter>([
  ['nodejs', new NodejsAdapter({ nodePath, agentPath: '/nonexistent' })],
  ['python', new PythonAdapter({ pythonPath, agentPath: '/nonexistent' })],
]);

/** Why packages cannot be fetched here, or undefined. */
async function registryProblem(url: string): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(15_000) });
    return answer.ok ? undefined : `${url} answers ${answer.status}`;
  } catch (error) {
    return `${url} cannot be reached: ${String(error)}`;
  }
}
const npmProblem = await registryProblem('https://registry.npmjs.org/ms');
const pipProblem = await registryProblem('https://pypi.org/simple/six/');

let work: string;
let builder: EsbuildBundleBuilder;
let log: string[];
let steps: string[];
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'hearth-build-'));
  log = [];
  steps = [];
  builder = makeBuilder();
});
afterEach(async () => {
  await builder.close();
  const left = (await readdir(join(work, 'work'))).filter((name) => /^(build|stage)-/.test(name));
  await rm(work, { recursive: true, force: true });
  expect(left).toEqual([]);
});

function makeBuilder(options: Partial<SandboxedBuildToolsOptions> = {}): EsbuildBundleBuilder {
  const workDirectory = join(work, 'work');
  return new EsbuildBundleBuilder({
    store: new DirectoryBundleStore({ directory: join(work, 'bundles') }),
    adapters,
    tools: new SandboxedBuildTools({
      nodePath,
      pythonPath,
      workDirectory,
      cacheDirectory: join(work, 'cache'),
      ...options,
    }),
    workDirectory,
  });
}

const never = new AbortController().signal;
function build(files: InlineFiles, handler = 'index.handler', runtime: 'nodejs' | 'python' = 'nodejs', signal = never) {
  const watcher = { step: (name: string) => void steps.push(name), line: (text: string) => void log.push(text) };
  return builder.build({ kind: 'inline', files }, { runtime, handler }, watcher, signal);
}

async function call(directory: string, file: string): Promise<unknown> {
  const module = (await import(pathToFileURL(join(directory, file)).href)) as { handler: () => unknown };
  return module.handler();
}

test('several TypeScript files become one module; the map names each source', async () => {
  const { image } = await build(
    {
      'src/index.ts':
        "import { twice } from './lib/twice.ts';\nimport words from './words.json';\nexport const handler = () => [twice(2), words.hi, typeof __dirname];\n",
      'src/lib/twice.ts': 'export function twice(n: number): number {\n  return n * 2;\n}\n',
      'src/words.json': '{"hi": "hello"}',
      'assets/logo.txt': 'kept',
    },
    'src/index.handler',
  );
  expect(await call(image.directory, 'src/index.mjs')).toEqual([4, 'hello', 'string']);
  expect(steps).toEqual(['unpack', 'compile', 'check']);
  const map = JSON.parse(await readFile(join(image.directory, 'src/index.mjs.map'), 'utf8')) as { sources: string[] };
  expect(map.sources.sort()).toEqual(['index.ts', 'lib/twice.ts', 'words.json']);
  expect(await readFile(join(image.directory, 'assets/logo.txt'), 'utf8')).toBe('kept');
  expect((await stat(join(image.directory, 'src/index.mjs'))).uid).toBe(process.getuid?.());
});

test('what does not bundle names every place, in characters', async () => {
  const files = {
    'index.ts':
      "import './gone.ts';\nimport './lib/a.ts';\n\tconst tür = 'schön'; import './no.ts';\nexport const handler = tür;",
    'lib/a.ts': 'let a = 1;\r\nlet a = 2;',
  };
  const error = await build(files).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ kind: 'unprocessable', code: 'build_failed' });
  const { detail, message } = error as PlatformError;
  const places = [
    { file: 'index.ts', line: 1, column: 8, text: 'Could not resolve "./gone.ts"' },
    { file: 'index.ts', line: 3, column: 30, text: 'Could not resolve "./no.ts"' },
    { file: 'lib/a.ts', line: 2, column: 5, text: 'The symbol "a" has already been declared' },
  ];
  expect(detail['buildErrors']).toEqual(expect.arrayContaining(places));
  expect(detail['buildErrors']).toHaveLength(3);
  expect(message).toContain('index.ts:1:8: Could not resolve "./gone.ts"');
  expect((detail['buildLog'] as string[]).join('\n')).toContain('✘ [ERROR] Could not resolve "./gone.ts"');
});

test('a bundle cannot take files of the host along', async () => {
  const secret = join(work, 'secret.json');
  const { writeFile } = await import('node:fs/promises');
  await writeFile(secret, '{"token":"hunter2"}');
  for (const specifier of [secret, '/etc/passwd', '../../../../../../../../etc/hostname']) {
    const files = { 'index.ts': `import x from ${JSON.stringify(specifier)};\nexport const handler = x;` };
    await expect(build(files)).rejects.toThrow('Could not resolve');
  }
  const files = {
    'index.ts': `import './a.ts';\nexport const handler = 1;\n//# sourceMappingURL=${secret}`,
    'a.ts': 'export {}',
  };
  const { image } = await build(files);
  const texts = await Promise.all(
    (await readdir(image.directory)).map((name) => readFile(join(image.directory, name), 'utf8')),
  );
  expect(texts.join('\n')).not.toContain('hunter2');
});

test.skipIf(npmProblem)(
  `npm packages are installed and bundled; scripts do not run; the cache helps the next build${skippedFor(npmProblem)}`,
  async () => {
    const files = {
      'index.js': "import ms from 'ms';\nexport const handler = () => ms('2 days');\n",
      'package.json': JSON.stringify({
        dependencies: { ms: '2.1.3' },
        devDependencies: { typescript: '6.0.3' },
        scripts: {
          preinstall: 'touch /build/app/ran',
          postinstall: 'touch /build/app/ran',
          prepare: 'touch /build/app/ran',
        },
      }),
    };
    const { image } = await build(files);
    expect(await readdir(image.directory)).toEqual(['.hearth', 'index.mjs', 'index.mjs.map', 'package.json']);
    expect(await readFile(join(image.directory, '.hearth/source/index.js'), 'utf8')).toBe(files['index.js']);
    const ms = { name: 'ms', version: '2.1.3', sizeBytes: expect.any(Number) };
    const record = JSON.parse(await readFile(join(image.directory, '.hearth/build.json'), 'utf8')) as BuildRecord;
    expect(record.made).toEqual(['index.mjs', 'index.mjs.map']);
    expect(record.packages).toEqual({ installer: 'npm', isBundled: true, items: [ms] });
    expect(record.packages?.items[0]?.sizeBytes).toBeGreaterThan(1000);
    expect(await call(image.directory, 'index.mjs')).toBe(172_800_000);
    expect(log.join('\n')).toMatch(/npm install.*\n[\s\S]*added 1 package/);
    expect(await readdir(join(work, 'cache/npm'))).not.toEqual([]);
    const again = await build(files);
    expect(again.image.digest).toBe(image.digest);
  },
);

test.skipIf(npmProblem)(
  `"bundle": false ships node_modules, and TypeScript is compiled beside them${skippedFor(npmProblem)}`,
  async () => {
    const { image } = await build({
      'index.ts': "import ms from 'ms';\nexport const handler = (): number => ms('1s');\n",
      'package.json': '{"dependencies":{"ms":"2.1.3"},"hearth":{"bundle":false}}',
    });
    expect(await readdir(join(image.directory, 'node_modules'))).toContain('ms');
    expect(await call(image.directory, 'index.mjs')).toBe(1000);
    const record = JSON.parse(await readFile(join(image.directory, '.hearth/build.json'), 'utf8')) as BuildRecord;
    expect(record.made).toEqual(['index.mjs', 'index.mjs.map', 'node_modules/']);
    expect(record.packages).toMatchObject({ isBundled: false, items: [{ name: 'ms', version: '2.1.3' }] });
  },
);

test.skipIf(npmProblem)(
  `a package that does not exist fails with what npm said, and the log${skippedFor(npmProblem)}`,
  async () => {
    const files = { 'index.mjs': '', 'package.json': '{"dependencies":{"ms":"999.0.0"}}' };
    const error = await build(files).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: 'unprocessable', code: 'build_failed' });
    expect((error as Error).message).toContain('No matching version found for ms@999.0.0');
    expect((error as { detail: { buildLog: string[] } }).detail.buildLog.join('\n')).toContain('ETARGET');
  },
);

test('a build reaches the registries and nothing else', async () => {
  const hits: string[] = [];
  const server = createServer((request, response) => {
    hits.push(request.url ?? '');
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const files = { 'index.mjs': '', 'package.json': `{"dependencies":{"a":"http://127.0.0.1:${port}/a.tgz"}}` };
    await expect(build(files)).rejects.toThrow(`127.0.0.1:${port} is not a package registry of this platform`);
    expect(hits).toEqual([]);
    await builder.close();
    builder = makeBuilder({ npmRegistry: `http://127.0.0.1:${port}/` });
    await expect(build({ ...files, 'package.json': '{"dependencies":{"a":"1"}}' })).rejects.toMatchObject({
      code: 'build_failed',
    });
    expect(hits).toEqual(['/a']);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

test('a registry that is not there is named', async () => {
  await builder.close();
  builder = makeBuilder({ npmRegistry: 'http://127.0.0.1:9/' });
  const files = { 'index.mjs': '', 'package.json': '{"dependencies":{"a":"1"}}' };
  await expect(build(files)).rejects.toThrow('127.0.0.1 cannot be reached (ECONNREFUSED)');
});

test.skipIf(pipProblem)(`requirements.txt is installed into site-packages${skippedFor(pipProblem)}`, async () => {
  const { image } = await build(
    { 'main.py': 'import six\ndef handler(e, c): return six.__version__', 'requirements.txt': 'six==1.16.0\n' },
    'main.handler',
    'python',
  );
  expect(await readdir(join(image.directory, 'site-packages'))).toContain('six.py');
  expect(log.join('\n')).toContain('Successfully installed six-1.16.0');
  expect(steps).toEqual(['unpack', 'install', 'check']);
  const record = JSON.parse(await readFile(join(image.directory, '.hearth/build.json'), 'utf8')) as BuildRecord;
  expect(record).toMatchObject({ made: ['site-packages/'], packages: { items: [{ name: 'six', version: '1.16.0' }] } });
});

test('what is missing on the host is named with the fix', async () => {
  await builder.close();
  builder = makeBuilder({ bwrapPath: join(work, 'no-bwrap'), npmPath: join(work, 'no-npm') });
  const typescript = { 'index.ts': "import './a.ts'; export const handler = 1;", 'a.ts': '' };
  await expect(build(typescript)).rejects.toMatchObject({
    code: 'build_unavailable',
    message: expect.stringContaining('apt-get install bubblewrap'),
  });
  const dependent = { 'index.mjs': '', 'package.json': '{"dependencies":{"a":"1"}}' };
  await expect(build(dependent)).rejects.toMatchObject({
    code: 'build_unavailable',
    message: expect.stringContaining('npm is missing'),
  });
});

test('an abort ends the build and leaves nothing', async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await builder.close();
  const npmRegistry = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  builder = makeBuilder({ npmRegistry });
  const stop = new AbortController();
  let running: readonly number[] = [];
  // On the command line of each; the folder is not, where builds have another that their user can reach.
  const sandboxed = () => sandboxedIn(`--registry=${npmRegistry}`);
  server.once('request', () => {
    running = sandboxed();
    stop.abort();
  });
  const files = { 'index.mjs': '', 'package.json': '{"dependencies":{"a":"1"}}' };
  try {
    await expect(build(files, 'index.handler', 'nodejs', stop.signal)).rejects.toMatchObject({
      code: 'build_cancelled',
    });
    expect(steps).toEqual(['unpack', 'install']);
    // bubblewrap, our entry and npm ran; when the build says that it is over, so are they.
    expect(running.length).toBeGreaterThan(0);
    expect(sandboxed()).toEqual([]);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
