import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildStale } from '../../scripts/build.ts';
import { type Platform, startPlatform } from '../support/platform.ts';

const root = join(import.meta.dirname, '../..');
let platform: Platform;
let folder = '';
beforeAll(async () => {
  await buildStale();
  platform = await startPlatform();
  folder = mkdtempSync(join(tmpdir(), 'hearth-cli-e2e-'));
  // As npm link does it: a link from somewhere else.
  symlinkSync(join(root, 'scripts/hearth.sh'), join(folder, 'hearth'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await platform.dispose();
});

interface Result {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
function start(...argv: string[]) {
  const child = spawn(join(folder, 'hearth'), argv, {
    cwd: folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      XDG_CONFIG_HOME: join(folder, 'config'),
      HEARTH_URL: platform.url,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<Result>((resolve) =>
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr })),
  );
  return { child, ended, stdout: () => stdout };
}
async function hearth(...argv: string[]): Promise<Result> {
  const running = start(...argv);
  running.child.stdin.end();
  return await running.ended;
}

describe('the command line in a process of its own, against a real platform', () => {
  // Twenty programs, one after the other.
  it('goes the whole way: login, init, deploy, invoke, logs, a second version, rollback, delete', {
    timeout: 300_000,
  }, async () => {
    expect(await hearth('function', 'list')).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('hearth login'),
    });
    const login = start('login', '--url', platform.url, '--token-file', '-');
    login.child.stdin.end(platform.token);
    expect((await login.ended).exitCode).toBe(0);

    expect((await hearth('init', 'greeter', '-t', 'ts-http', '-y')).exitCode).toBe(0);
    const deployed = await hearth('deploy', 'greeter', '-m', 'first');
    expect(deployed).toMatchObject({ exitCode: 0, stdout: `${platform.gatewayUrl}/greeter\n` });
    expect(deployed.stderr).toContain('greeter version 1, live');
    const event = '{"queryStringParameters": {"name": "Ada"}}';
    expect((await hearth('invoke', 'greeter', '-d', event)).stdout).toBe('{"message":"Hello, Ada!"}\n');
    expect((await hearth('invoke', 'greeter', '-d', event, '--async', '--wait')).stdout).toContain('Hello, Ada!');

    writeFileSync(join(folder, 'greeter/index.ts'), 'export const handler = (): object => ({ version: 2 });\n');
    expect((await hearth('invoke', 'greeter', '--draft', 'greeter')).stdout).toBe('{"version":2}\n');
    expect((await hearth('invoke', 'greeter', '-d', event)).stdout).toContain('Hello, Ada!');
    expect((await hearth('deploy', 'greeter', '-m', 'second')).stderr).toContain('version 2, live');
    expect((await hearth('invoke', 'greeter')).stdout).toBe('{"version":2}\n');
    const versions = JSON.parse((await hearth('version', 'list', 'greeter', '--json')).stdout) as {
      version: number;
      message: string;
    }[];
    expect(versions.map((version) => [version.version, version.message])).toEqual([
      [2, 'second'],
      [1, 'first'],
    ]);
    expect((await hearth('rollback', 'greeter', '-y')).stderr).toContain('version 1');
    expect((await hearth('invoke', 'greeter', '-d', event)).stdout).toContain('Hello, Ada!');
    expect((await hearth('function', 'list')).stdout).toMatch(/greeter +nodejs +process +1 /);
    expect(await hearth('delete', 'greeter')).toMatchObject({ exitCode: 2 });
    expect((await hearth('delete', 'greeter', '--yes')).exitCode).toBe(0);
    expect(await hearth('invoke', 'greeter')).toMatchObject({ exitCode: 4 });
  });

  it('follows logs until it is interrupted', async () => {
    mkdirSync(join(folder, 'talker'));
    writeFileSync(
      join(folder, 'talker/hearth.json'),
      '{"name": "talker", "runtime": "nodejs", "handler": "index.handler"}',
    );
    writeFileSync(
      join(folder, 'talker/index.mjs'),
      'export const handler = (event) => { console.log(`said ${event.word}`); };',
    );
    expect((await hearth('deploy', 'talker')).exitCode).toBe(0);
    const following = start('logs', 'talker', '-f');
    let said = 0;
    while (!following.stdout().includes('said')) await hearth('invoke', 'talker', '-d', `{"word": "word-${said++}"}`);
    following.child.kill('SIGINT');
    const { stdout } = await following.ended;
    expect(stdout).toMatch(/\d\d:\d\d:\d\d\.\d{3} info {2}said word-\d+/);
    // Lines are stored a moment after the call that wrote them.
    const counted = async () => {
      const { stdout: bars } = await hearth('logs', 'talker', '--histogram', '--since', '1h');
      expect(bars.split('\n')[0]).toMatch(/^TIME +LINES +WARN +ERROR/);
      const counts = [...bars.matchAll(/^\d{4}-\S+ +(\d+) /gm)].map(([, lines]) => Number(lines));
      return counts.reduce((sum, count) => sum + count, 0);
    };
    await expect.poll(counted).toBe(said);
    expect((await hearth('logs', 'talker', '--histogram', '-f')).exitCode).toBe(2);
  });

  it('ends with the documented status when the function fails or the code is broken', async () => {
    writeFileSync(join(folder, 'talker/index.mjs'), 'export const handler = () => { throw new TypeError("no"); };');
    expect((await hearth('deploy', 'talker')).exitCode).toBe(0);
    expect(await hearth('invoke', 'talker')).toMatchObject({
      exitCode: 6,
      stderr: expect.stringContaining('TypeError: no'),
    });
    writeFileSync(join(folder, 'talker/index.mjs'), 'export const handler = (');
    const broken = await hearth('deploy', 'talker');
    expect(broken.exitCode).toBe(2);
    expect(broken.stderr).toMatch(/index\.mjs:1:\d+/);
    expect(await hearth('invoke', 'nothing')).toMatchObject({ exitCode: 4 });
  });

  it('starts fast enough to be used in scripts, and says its version without a platform', async () => {
    const result = await hearth('--version');
    expect(result).toMatchObject({ exitCode: 0, stdout: '0.1.0\n', stderr: '' });
  });
});
