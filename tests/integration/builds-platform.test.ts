import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../cli/program.ts';
import { NpmRegistry, sandboxedIn } from '../support/npm-registry.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';
import { hearth } from '../support/run-cli.ts';

/** Builds that install packages, on a real platform, from a registry that can be made to wait. */
let registry: NpmRegistry;
let platform: Platform;
let folder = '';
beforeAll(async () => {
  registry = await NpmRegistry.start();
  registry.publish('twice', 'module.exports = (n) => 2 * n;');
  platform = await startPlatform({ environment: { HEARTH_NPM_REGISTRY: registry.url } });
  folder = mkdtempSync(join(tmpdir(), 'hearth-builds-'));
});
afterAll(async () => {
  await platform?.kill();
  await platform?.dispose();
  await registry?.close();
  rmSync(folder, { recursive: true, force: true });
});

const source = "import twice from 'twice';\nexport const handler = () => twice(21);\n";
/** A folder with a function whose code needs these packages. */
function folderOf(name: string, dependencies: object): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  const write = (file: string, content: string): void => writeFileSync(join(path, file), content);
  write('hearth.json', JSON.stringify({ name, runtime: 'nodejs' }));
  write('index.mjs', source);
  write('package.json', JSON.stringify({ dependencies }));
  return path;
}
const run = (...argv: string[]) => hearth(platform, ...argv);
async function json(...argv: string[]) {
  const { code, stdout, stderr } = await run(...argv, '--json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
}
/** bubblewrap, and the entry and npm that it holds, name the registry on their command line. */
const npmProcesses = () => sandboxedIn(`--registry=${registry.url}`);
const buildPlace = () => join(platform.dataDirectory, 'build');
const leftBehind = () =>
  [buildPlace(), '/var/lib/hearth/build']
    .filter(existsSync)
    .flatMap((place) =>
      readdirSync(place).filter(
        (name) => name.startsWith('build-') || (place === buildPlace() && name.startsWith('stage-')),
      ),
    );

test('a deploy says its steps, and a failing one its lines; all of it can be read later', async () => {
  const made = await run('deploy', folderOf('doubled', { twice: '1.0.0' }));
  expect(made.code, made.stderr).toBe(0);
  const steps = [...made.stderr.matchAll(/✓ (.+) \d[\d.]* m?s$/gm)].map(([, step]) => step);
  expect(steps).toEqual(['unpack', 'install packages', 'compile', 'check', 'compile ahead', 'activate']);
  expect(made.stderr).not.toContain('npm install');
  expect((await run('invoke', 'doubled')).stdout).toBe('42\n');
  expect((await run('deploy', folderOf('doubled', { twice: '1.0.0' }), '--verbose')).stderr).toContain('| npm install');

  const broken = await run('deploy', folderOf('never', { gone: '1.0.0' }));
  expect(broken.code).toBe(2);
  expect(broken.stderr).toMatch(/✗ install packages [\s\S]*\| npm error 404[\s\S]*hearth builds log bld_/);
  const [failed] = await json('builds', 'list', 'never');
  expect(failed).toMatchObject({ state: 'failed', source: 'cli', error: { status: 422, code: 'build_failed' } });
  expect((await run('builds', 'view', failed.id)).stdout).toContain('build_failed: ');
  expect((await run('builds', 'log', failed.id)).stdout).toContain('install        npm error 404');
  expect((await run('builds', 'list')).stdout).toMatch(/never +failed[\s\S]*doubled +ready +2[\s\S]*doubled +ready +1/);
});

test('Ctrl-C ends the build with all of its processes, and leaves nothing', async () => {
  registry.gate = new Promise(() => undefined);
  const asked = registry.requested();
  const interrupted = new AbortController();
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const ended = runCli({
    argv: ['deploy', folderOf('held', { twice: '^1.0.0' })],
    environment: { HEARTH_URL: platform.url, HEARTH_TOKEN: platform.token },
    directory: folder,
    streams: { stdout, stderr, stdin: new PassThrough() },
    signal: interrupted.signal,
    version: 'test',
  });
  await asked;
  expect(npmProcesses().length).toBeGreaterThan(0);
  interrupted.abort();
  expect(await ended).toBe(130);
  stderr.end();
  expect(await text(stderr)).toContain('Cancelled; nothing was deployed');
  expect(npmProcesses()).toEqual([]);
  expect(leftBehind()).toEqual([]);
  expect((await json('builds', 'list', 'held'))[0]).toMatchObject({ state: 'cancelled', version: null });
  expect((await run('invoke', 'held')).code).toBe(4);
});

test('what was built when the platform was killed is failed at the next start', async () => {
  const asked = registry.requested();
  const begun = await run('deploy', folderOf('cut', { twice: '1' }), '--no-wait');
  expect(begun.code, begun.stderr).toBe(0);
  const id = begun.stdout.trim();
  await asked;
  expect((await json('builds', 'view', id)).state).toBe('building');
  await platform.kill();
  await eventually(() => expect(npmProcesses()).toEqual([]));
  platform = await startPlatform({
    dataDirectory: platform.dataDirectory,
    environment: { HEARTH_NPM_REGISTRY: registry.url },
  });
  const view = await run('builds', 'view', id);
  expect(view.stdout).toContain('platform_stopped: the platform stopped during this build');
  expect(await run('builds', 'cancel', id)).toMatchObject({ code: 5 });
});
