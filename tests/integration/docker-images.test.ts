import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemSchema } from '../../shared/api/system.ts';
import { whyNoEngine } from '../support/docker-daemon.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { hearth } from '../support/run-cli.ts';
import { skippedFor } from '../support/skip-reason.ts';

const dockerHost = process.env['DOCKER_HOST'] ?? '';
const reason = await whyNoEngine(dockerHost);

describe.skipIf(reason !== undefined)(`hearth images${skippedFor(reason)}`, () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform({ environment: { HEARTH_DOCKER_HOST: dockerHost } });
  });
  afterAll(async () => await platform.dispose());

  it('builds what is missing, tells its progress, and nothing the second time', async () => {
    const first = await hearth(platform, 'images', 'build');
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('python: reading the python runtime') });
    const names = first.stdout.trim().split('\n');
    const wanted = ['nodejs', 'python', 'custom', 'image'].map((runtime) =>
      expect.stringMatching(`^hearth/${runtime}:`),
    );
    expect(names).toEqual(wanted);
    const again = await hearth(platform, 'images', 'build', 'python');
    expect(again).toMatchObject({ code: 0, stdout: `${names[1]}\n`, stderr: expect.stringContaining('is up to date') });
    const listed = await hearth(platform, '--json', 'images', 'list');
    expect(JSON.parse(listed.stdout)).toEqual(
      expect.arrayContaining(names.map((reference) => expect.objectContaining({ reference, driver: 'docker' }))),
    );
    const system = systemSchema.parse(await (await platform.api('GET', '/api/v1/system')).json());
    for (const { digest, sizeBytes } of system.images ?? []) {
      expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(sizeBytes).toBeGreaterThan(0);
    }
    expect(system.images?.map(({ reference }) => reference)).toEqual(expect.arrayContaining(names));
    expect(system.drivers.find(({ name }) => name === 'docker')).toMatchObject({
      status: 'healthy',
      version: expect.stringMatching(/^\d+\.\d+.*, API 1\.\d+$/),
      reason: null,
      fix: null,
    });
  });

  it('refuses a runtime without an image, and callers who may only look', async () => {
    const refused = await hearth(platform, 'images', 'build', 'cobol');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('runtime');
    const created = await platform.api('POST', '/api/v1/tokens', { name: 'look', scope: 'read' });
    const { secret } = (await created.json()) as { secret: string };
    const headers = { authorization: `Bearer ${secret}` };
    const response = await platform.api('POST', '/api/v1/system/images', { runtime: 'nodejs' }, headers);
    expect(response.status).toBe(403);
  });
});

describe('hearth images without a daemon', () => {
  it('says what to do', async () => {
    const platform = await startPlatform({ environment: { HEARTH_DOCKER_HOST: 'unix:///nonexistent/docker.sock' } });
    try {
      const system = systemSchema.parse(await (await platform.api('GET', '/api/v1/system')).json());
      expect(system.drivers.find(({ name }) => name === 'docker')).toMatchObject({
        status: 'undetected',
        version: null,
        reason: expect.stringContaining('/nonexistent/docker.sock'),
        fix: expect.stringContaining('install and start it'),
      });
      expect(system.images).toEqual([]);
      const listed = await hearth(platform, 'images', 'list');
      expect(listed.code).toBe(8);
      expect(listed.stderr).toContain('install and start it');
    } finally {
      await platform.dispose();
    }
  });
});
