import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemSchema } from '../../shared/api/system.ts';
import { platformEnvironment, startPlatform } from '../support/platform.ts';

const root = join(import.meta.dirname, '../..');
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-start-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the platform to its end; for starts that fail. */
function startAndFail(environment: Record<string, string>) {
  const run = spawnSync(process.execPath, [join(root, 'dist/server/main.mjs')], {
    env: platformEnvironment(folder, { LOG_LEVEL: 'error', ...environment }),
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status: run.status, stdout: run.stdout, stderr: run.stderr.trim() };
}
const lines = (text: string): number => text.split('\n').length;

describe('a start that cannot work ends with one clear line', () => {
  it('a bad setting: status 2', () => {
    const { status, stderr } = startAndFail({ HEARTH_PORT: 'eighty' });
    expect([status, lines(stderr)]).toEqual([2, 1]);
    expect(stderr).toContain('HEARTH_PORT: "eighty" cannot be used');
  });

  it.each(['HEARTH_PORT', 'HEARTH_GATEWAY_PORT'])('a taken port (%s)', async (setting) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const { status, stderr } = startAndFail({ [setting]: String(port) });
    server.close();
    expect([status, lines(stderr)]).toEqual([1, 1]);
    expect(stderr).toContain(`port ${port} on 127.0.0.1 is taken`);
    expect(stderr).toContain(setting);
  });

  it('a second platform on the same data folder', async () => {
    const platform = await startPlatform({ dataDirectory: folder });
    const { status, stderr } = startAndFail({});
    await platform.stop();
    expect([status, lines(stderr)]).toEqual([1, 1]);
    expect(stderr).toContain(String(platform.pid));
  });

  it('a data folder that cannot be made', () => {
    writeFileSync(join(folder, 'file'), '');
    const { status, stderr } = startAndFail({ HEARTH_DATA_DIR: join(folder, 'file', 'data') });
    expect([status, lines(stderr)]).toEqual([1, 1]);
    expect(stderr).toContain('HEARTH_DATA_DIR');
    const inProc = startAndFail({ HEARTH_DATA_DIR: '/proc/hearth/data' });
    expect([inProc.status, lines(inProc.stderr)]).toEqual([1, 1]);
    expect(inProc.stderr).toContain('HEARTH_DATA_DIR');
  });

  it('a database that is damaged', () => {
    writeFileSync(join(folder, 'hearth.db'), Buffer.alloc(8192, 'not a database'));
    const { status, stderr } = startAndFail({});
    expect([status, lines(stderr)]).toEqual([1, 1]);
    expect(stderr).toContain('hearth.db');
  });

  it('an old node on PATH: the entry points continue on the bundled one', () => {
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'node'), '#!/bin/sh\ncase "$1" in --version) echo v16.0.0;; *) exit 1;; esac\n');
    chmodSync(join(bin, 'node'), 0o755);
    const run = spawnSync('sh', [join(root, 'scripts/hearth.sh'), '--version'], {
      env: { ...process.env, PATH: `${bin}:/usr/bin:/bin` },
      encoding: 'utf8',
    });
    expect([run.status, run.stdout]).toEqual([0, '0.1.0\n']);
  });

  it('an old node and no bundled one: one line', () => {
    const copy = join(folder, 'copy');
    const bin = join(folder, 'bin');
    mkdirSync(join(copy, 'scripts'), { recursive: true });
    mkdirSync(join(copy, 'node_modules'));
    mkdirSync(bin);
    for (const file of ['scripts/hearth.sh', 'scripts/node.sh', 'package-lock.json'])
      execFileSync('cp', [join(root, file), join(copy, file)]);
    writeFileSync(join(copy, 'node_modules/.package-lock.json'), '');
    writeFileSync(join(bin, 'node'), '#!/bin/sh\ncase "$1" in --version) echo v16.0.0;; *) exit 1;; esac\n');
    chmodSync(join(bin, 'node'), 0o755);
    const run = spawnSync('sh', [join(copy, 'scripts/hearth.sh'), '--version'], {
      env: { ...process.env, PATH: `${bin}:/usr/bin:/bin` },
      encoding: 'utf8',
    });
    expect([run.status, lines(run.stderr.trim())]).toEqual([1, 1]);
    expect(run.stderr).toContain('needs Node 22.18 or newer (found: v16.0.0)');
  });
});

describe('what a start makes and says', () => {
  it('prints where it is, makes a private token once, and names what is missing without bubblewrap', async () => {
    const platform = await startPlatform({
      dataDirectory: folder,
      environment: { HEARTH_BWRAP_PATH: join(folder, 'no-bwrap'), HEARTH_WORNG: '1' },
    });
    try {
      const output = platform.output();
      expect(output).toContain(`${platform.url}/#token=${platform.token}`);
      expect(output).toContain('process (default): not available');
      expect(output).toMatch(/apt-get install bubblewrap/);
      expect(output).toContain('HEARTH_WORNG');
      expect(statSync(join(folder, 'admin-token')).mode & 0o777).toBe(0o600);
      const system = systemSchema.parse(await (await platform.api('GET', '/api/v1/system')).json());
      expect(system.drivers.find((driver) => driver.name === 'process')).toMatchObject({
        status: 'undetected',
        fix: expect.stringContaining('bubblewrap'),
      });
      const refused = await platform.api('POST', '/api/v1/functions', {
        name: 'x',
        files: { 'index.mjs': 'export const handler = () => 1;' },
      });
      expect(refused.status).toBe(422);
      expect(await refused.text()).toContain('bubblewrap');
    } finally {
      await platform.stop();
    }
    const again = await startPlatform({ dataDirectory: folder });
    expect(again.output()).not.toContain(again.token);
    expect(await again.stop()).toBe(0);
  });

  it('runs functions without a sandbox only when told to, and then warns everywhere', async () => {
    const platform = await startPlatform({ dataDirectory: folder, environment: { HEARTH_ALLOW_UNSANDBOXED: 'true' } });
    try {
      expect(platform.output()).toMatch(/without (a|any) sandbox|unsandboxed/i);
      const system = systemSchema.parse(await (await platform.api('GET', '/api/v1/system')).json());
      expect(system.warnings.join(' ')).toMatch(/unsandboxed/i);
      const deployed = await platform.api('POST', '/api/v1/functions', {
        name: 'naked',
        files: { 'index.mjs': 'export const handler = () => process.getuid();' },
        isolation: 'unsandboxed',
      });
      expect(deployed.status, await deployed.clone().text()).toBe(201);
      expect(await (await platform.api('POST', '/api/v1/functions/naked/invocations', {})).json()).toBe(
        process.getuid?.(),
      );
    } finally {
      await platform.stop();
    }
  });

  it('deploys the examples on the first start, and the printed curl line works as pasted', async () => {
    const platform = await startPlatform({ dataDirectory: folder, environment: { HEARTH_EXAMPLES: 'true' } });
    try {
      const line = /curl '[^']+'/.exec(platform.output())?.[0] ?? 'no line';
      const answer = execFileSync('sh', ['-c', `${line} -s`], { encoding: 'utf8' });
      expect(JSON.parse(answer)).toMatchObject({ message: 'Hello, Ada!' });
      expect(await (await fetch(`${platform.gatewayUrl}/hello-python`)).json()).toMatchObject({
        message: 'Hello, world!',
      });
    } finally {
      await platform.stop();
    }
  });

  it('a corrupt bundle fails that function alone and says what to do', async () => {
    const platform = await startPlatform({ dataDirectory: folder });
    try {
      for (const name of ['victim', 'other']) {
        await platform.api('POST', '/api/v1/functions', {
          name,
          files: { 'index.mjs': `export const handler = () => "${name}";` },
        });
      }
      expect(await platform.stop()).toBe(0);
      const bundles = join(folder, 'bundles');
      const victim = readdirSync(bundles, { recursive: true, encoding: 'utf8' }).find(
        (path) =>
          path.endsWith('index.mjs') &&
          execFileSync('cat', [join(bundles, path)], { encoding: 'utf8' }).includes('victim'),
      );
      if (victim === undefined || !existsSync(join(bundles, victim))) throw new Error('bundle not found');
      chmodSync(join(bundles, victim), 0o644);
      writeFileSync(join(bundles, victim), 'export const handler = () => "evil";');
      const again = await startPlatform({ dataDirectory: folder });
      try {
        const broken = await again.api('POST', '/api/v1/functions/victim/invocations', {});
        expect(broken.status).toBeGreaterThanOrEqual(500);
        expect(await broken.text()).not.toContain('evil');
        expect(await (await again.api('POST', '/api/v1/functions/other/invocations', {})).json()).toBe('other');
      } finally {
        await again.stop();
      }
    } finally {
      await platform.stop();
    }
  });
});
