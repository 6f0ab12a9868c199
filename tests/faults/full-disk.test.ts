import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fillDisk } from '../support/fill-disk.ts';
import { eventually, type Platform, startPlatform } from '../support/platform.ts';
import { skippedFor } from '../support/skip-reason.ts';

const isRoot = process.getuid?.() === 0;
let folder = '';
let runDirectory = '';
let isMounted = false;
let platform: Platform | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearth-full-'));
  runDirectory = mkdtempSync(join(tmpdir(), 'hearth-full-run-'));
});
afterEach(async () => {
  await platform?.stop();
  if (isMounted) execFileSync('umount', ['-l', folder]);
  rmSync(folder, { recursive: true, force: true });
  rmSync(runDirectory, { recursive: true, force: true });
});

describe('a full disk', () => {
  const needsRoot = skippedFor(isRoot ? undefined : 'mounting a small file system needs root');
  it.skipIf(!isRoot)(
    `refuses writes with one clear error, goes on serving, and recovers by itself${needsRoot}`,
    async () => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', folder]);
      isMounted = true;
      // Sandboxes need the interpreter, which would not fit beside the filler.
      const running = await startPlatform({
        dataDirectory: folder,
        environment: { HEARTH_RUN_DIR: runDirectory },
      });
      platform = running;
      const source = { 'index.mjs': 'export const handler = (event) => ({ n: event.n });' };
      expect((await running.api('POST', '/api/v1/functions', { name: 'works', files: source })).status).toBe(201);
      expect(await (await running.api('POST', '/api/v1/functions/works/invocations', { n: 1 })).json()).toEqual({
        n: 1,
      });

      const filler = fillDisk(folder);
      const refusals = [
        await running.api('POST', '/api/v1/functions', {
          name: 'too-much',
          files: { 'index.mjs': `export const handler = () => 1; // ${'x'.repeat(200_000)}` },
        }),
        await eventually(async () => {
          const response = await running.api('POST', '/api/v1/functions/works/invocations?mode=async', {
            n: 2,
            padding: 'x'.repeat(500_000),
          });
          expect(response.status).toBe(503);
          return response;
        }),
      ];
      for (const response of refusals) {
        expect(response.status).toBe(503);
        const problem = (await response.json()) as { code: string; detail: string };
        expect(problem.code).toBe('storage_full');
        expect(problem.detail).toMatch(/disk|space/i);
      }
      expect(await (await running.api('POST', '/api/v1/functions/works/invocations', { n: 3 })).json()).toEqual({
        n: 3,
      });
      expect((await fetch(`${running.url}/healthz`)).status).toBe(200);
      expect((await fetch(`${running.url}/readyz`)).status).toBe(503);
      for (const path of ['functions/works', 'functions/works/versions/1/files', 'invocations', 'secrets', 'audit'])
        expect((await running.api('GET', `/api/v1/${path}`)).status, path).toBe(200);
      // All of them or none.
      const values = Object.fromEntries(Array.from({ length: 15 }, (_, n) => [`LATE_${n}`, 'x'.repeat(32_000)]));
      const refused = await running.api('PATCH', '/api/v1/secrets', { values });
      expect([refused.status, await refused.json()]).toMatchObject([503, { code: 'storage_full' }]);
      expect(await (await running.api('GET', '/api/v1/secrets')).json()).toMatchObject({ items: [] });

      rmSync(filler);
      await eventually(async () => {
        const response = await running.api('POST', '/api/v1/functions/works/invocations?mode=async', { n: 4 });
        expect(response.status).toBe(202);
      });
      await eventually(async () => expect((await fetch(`${running.url}/readyz`)).status).toBe(200));
      expect((await running.api('GET', '/api/v1/functions/too-much')).status).toBe(404);
    },
  );
});
