import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import Fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compressAssets } from '../../scripts/compress-assets.ts';
import { registerDashboard } from './static-files.ts';

describe('the files of the dashboard', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-static-'));
  const script = 'export const words = "again and again";\n'.repeat(200);
  const app = Fastify();

  beforeAll(async () => {
    mkdirSync(join(folder, 'assets'));
    mkdirSync(join(folder, '.vite'));
    writeFileSync(join(folder, 'index.html'), '<!doctype html>');
    writeFileSync(join(folder, '.vite/manifest.json'), '{}');
    writeFileSync(join(folder, 'assets/index-BBwSld7Q.js'), script);
    writeFileSync(join(folder, 'assets/tiny-BBwSld7Q.js'), 'export {};');
    compressAssets(folder);
    await registerDashboard(app, folder);
  });

  afterAll(async () => {
    await app.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const get = (url: string, accepted?: string) =>
    app.inject({ url, headers: accepted === undefined ? {} : { 'accept-encoding': accepted } });

  it.each([
    ['br', 'gzip, deflate, br, zstd', brotliDecompressSync],
    ['gzip', 'gzip', gunzipSync],
  ] as const)(
    'go out as %s to a browser that takes it, with their own type, for a year',
    async (encoding, accepted, unpack) => {
      const answer = await get('/assets/index-BBwSld7Q.js', accepted);
      expect(answer.headers).toMatchObject({
        'content-encoding': encoding,
        'content-type': expect.stringMatching(/javascript/),
        'cache-control': 'public, max-age=31536000, immutable',
        vary: 'accept-encoding',
      });
      expect(answer.rawPayload.length).toBeLessThan(script.length / 10);
      expect(unpack(answer.rawPayload).toString()).toBe(script);
    },
  );

  it('go out as they are where nothing else is taken or they are too small', async () => {
    const plain = await get('/assets/index-BBwSld7Q.js');
    expect([plain.headers['content-encoding'], plain.body]).toEqual([undefined, script]);
    const tiny = await get('/assets/tiny-BBwSld7Q.js', 'br');
    expect([tiny.statusCode, tiny.headers['content-encoding'], tiny.body]).toEqual([200, undefined, 'export {};']);
  });

  it('do not include those of the build', async () => {
    expect((await get('/.vite/manifest.json')).statusCode).toBe(404);
  });
});
