import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedSchema } from '../../shared/api/invocations.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';

const root = join(import.meta.dirname, '../..');
const planted = 'planted-value-7f3d9c51ab';
let folder = '';
let platform: Platform;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-backup-'));
  platform = await startPlatform();
});
afterAll(async () => {
  await platform.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const deploy = async (name: string, source: string, more: object = {}) => {
  const response = await platform.api('POST', '/api/v1/functions', { name, files: { 'index.mjs': source }, ...more });
  expect(response.status, await response.clone().text()).toBe(201);
};

/** The `hearth` command in a process of its own. */
async function cli(...args: readonly string[]) {
  const child = spawn(process.execPath, [join(root, 'cli/main.ts'), ...args], {
    env: { PATH: process.env['PATH'], HOME: folder, HEARTH_URL: platform.url, HEARTH_TOKEN: platform.token },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const status = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { status: await status, stdout, stderr };
}

/** Puts work on the queue until told to stop; what was acknowledged goes into `accepted`. */
function submit(accepted: string[]): () => Promise<void> {
  let isRunning = true;
  const loops = Array.from({ length: 4 }, async () => {
    for (let n = 0; isRunning; n++) {
      const response = await platform.api('POST', '/api/v1/functions/work/invocations?mode=async', { n });
      expect(response.status).toBe(202);
      accepted.push(acceptedSchema.parse(await response.json()).id);
    }
  });
  return async () => {
    isRunning = false;
    await Promise.all(loops);
  };
}

describe('a backup of a platform that is written to', () => {
  it('holds everything that was acknowledged before, and comes back in an empty folder', async () => {
    await deploy('work', 'export const handler = (event) => event.n;', { concurrency: 8 });
    expect((await platform.api('PUT', '/api/v1/secrets/PLANTED', { value: planted })).status).toBe(200);
    await deploy('keeper', 'export const handler = () => process.env.PLANTED.length;', { secrets: ['PLANTED'] });
    expect(await (await platform.api('POST', '/api/v1/functions/keeper/invocations', {})).json()).toBe(planted.length);

    const accepted: string[] = [];
    const stop = submit(accepted);
    await eventually(() => expect(accepted.length).toBeGreaterThan(50));
    const file = join(folder, 'hearth.tar.gz');
    const before = [...accepted];
    const made = await cli('backup', '--out', file);
    expect(made, made.stderr).toMatchObject({ status: 0, stdout: `${file}\n` });
    const during = accepted.length - before.length;
    await stop();
    expect(during, 'the platform goes on meanwhile').toBeGreaterThan(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).not.toContain('hearth.tar.gz.part');
    await eventually(() => expect(readdirSync(platform.dataDirectory)).not.toContain('.backup'));
    expect(await cli('backup', '--out', file)).toMatchObject({ status: 5 });

    const content = gunzipSync(readFileSync(file));
    const key = readFileSync(join(platform.dataDirectory, 'secrets.key'));
    const forms = [Buffer.from(planted), Buffer.from(Buffer.from(planted).toString('base64').slice(0, 24)), key];
    for (const form of [...forms, Buffer.from(platform.token)]) expect(content.includes(form)).toBe(false);
    const audit = await platform.api('GET', '/api/v1/audit?limit=1');
    expect(await audit.json()).toMatchObject({ items: [{ action: 'backup.create' }] });

    const restored = mkdtempSync(join(folder, 'restored-'));
    for (const name of ['secrets.key', 'admin-token']) {
      copyFileSync(join(platform.dataDirectory, name), join(restored, name));
    }
    const again = await startPlatform({ dataDirectory: restored, environment: { HEARTH_RESTORE_FROM: file } });
    try {
      for (const id of before) {
        const response = await again.api('GET', `/api/v1/invocations/${id}`);
        expect(response.status, `acknowledged ${id} is missing`).toBe(200);
      }
      await eventually(async () => {
        const last = await again.api('GET', `/api/v1/invocations/${before.at(-1)}`);
        expect(await last.json()).toMatchObject({ status: 'success' });
      });
      expect(await (await again.api('POST', '/api/v1/functions/keeper/invocations', {})).json()).toBe(planted.length);
      expect(await (await again.api('GET', '/api/v1/audit/verify')).json()).toMatchObject({ isIntact: true });
    } finally {
      expect(await again.stop()).toBe(0);
    }
    const repeated = startPlatform({ dataDirectory: restored, environment: { HEARTH_RESTORE_FROM: file } });
    await expect(repeated).rejects.toThrow('is not empty');
  });

  it('is one at a time, and not for everybody', async () => {
    const create = async (token: string) =>
      await fetch(`${platform.url}/api/v1/system/backups`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
      });
    const secret = async (json: object) => {
      const response = await platform.api('POST', '/api/v1/tokens', json);
      return ((await response.json()) as { secret: string }).secret;
    };
    expect((await create(await secret({ name: 'dev', scope: 'deploy' }))).status).toBe(403);
    expect((await create(await secret({ name: 'owner', scope: 'admin', isPlatformWide: false }))).status).toBe(403);
    const both = await Promise.all([create(platform.token), create(platform.token)]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    for (const response of both) await response.arrayBuffer();
    await eventually(() => expect(existsSync(join(platform.dataDirectory, '.backup'))).toBe(false));
    const third = await create(platform.token);
    expect([third.status, third.headers.get('content-type')]).toEqual([200, 'application/gzip']);
    await third.body?.cancel();
    await eventually(() => expect(existsSync(join(platform.dataDirectory, '.backup'))).toBe(false));
  });

  it('does not hold up the end of the platform, however slowly it is read', async () => {
    const other = await startPlatform();
    // Larger than what fits into the buffers of both ends, and not to be compressed.
    for (let n = 0; n < 4; n++) {
      const files = {
        'index.mjs': 'export const handler = () => 1;',
        'filler.txt': randomBytes(3_000_000).toString('hex'),
      };
      const made = await other.api('POST', '/api/v1/functions', { name: `f${n}`, files });
      expect(made.status, await made.clone().text()).toBe(201);
    }
    const response = await other.api('POST', '/api/v1/system/backups');
    expect(response.status).toBe(200);
    expect(await other.stop()).toBe(0);
    await expect(response.arrayBuffer()).rejects.toThrow();
    expect(existsSync(join(other.dataDirectory, '.backup'))).toBe(false);
    await other.dispose();
  });
});
