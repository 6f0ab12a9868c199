import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PreparedImage } from '../../../core/ports/isolation-driver.ts';
import { NodejsAdapter } from './adapter.ts';
import { findFile } from './guest/loader.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hearth-adapter-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const adapter = (more: Partial<ConstructorParameters<typeof NodejsAdapter>[0]> = {}) =>
  new NodejsAdapter({ nodePath: process.execPath, agentPath: import.meta.filename, ...more });
const image = (): PreparedImage => ({ digest: '' as never, directory, sizeBytes: 0, fileCount: 0 });
const limits = { memoryMb: 128, cpus: 1, maxPids: 64, tmpMb: 64, egress: 'none' } as const;

describe('NodejsAdapter', () => {
  it('finds handlers with every extension that the agent finds, and in folders', async () => {
    for (const [name, handler] of [
      ['a.js', 'a.handler'],
      ['b.mjs', 'b.handler'],
      ['c.cjs', 'c.x'],
      ['d.ts', 'd.x.y'],
      ['e.mts', 'e.x'],
      ['f.cts', './f.x'],
      ['src/deep/g.js', 'src/deep/g.x'],
    ] as const) {
      expect(await adapter().validate(image(), handler), handler).not.toEqual([]);
      await mkdir(join(directory, name, '..'), { recursive: true });
      await writeFile(join(directory, name), '');
      expect(await adapter().validate(image(), handler), handler).toEqual([]);
      expect(findFile(directory, name.replace(/\.\w+$/, ''))).toBe(join(directory, name));
    }
  });

  it('lists what it looked for and what is there', async () => {
    await writeFile(join(directory, 'main.mjs'), '');
    expect(await adapter().validate(image(), 'index.handler')).toEqual([
      {
        path: 'handler',
        message:
          'the bundle has no file for the handler index.handler: expected one of index.js, index.mjs, index.cjs, index.ts, index.mts, index.cts; there is main.mjs',
      },
    ]);
  });

  it.each(['index', 'index.', '.handler', 'src/.handler', '../x.handler', '/etc/x.handler', 'a/../../x.handler'])(
    'refuses the handler %s',
    async (handler) => {
      expect(await adapter().validate(image(), handler)).toHaveLength(1);
    },
  );

  it('plans a heap below the memory limit and mounts node and the agent', () => {
    const plan = adapter().plan(limits);
    expect(plan.argv).toEqual([
      '/hearth/node',
      '--max-old-space-size=76',
      '--max-semi-space-size=2',
      '--v8-pool-size=1',
      '--no-parallel-scavenge',
      '--no-deprecation',
      '/hearth/agent.cjs',
    ]);
    expect(plan.agent).toEqual({ hostPath: import.meta.filename, guestPath: '/hearth/agent.cjs' });
    expect(plan.toolchain).toEqual([{ hostPath: process.execPath, guestPath: '/hearth/node' }]);
    expect(plan.env).not.toHaveProperty('HEARTH_WAITS');
    expect(adapter().plan(limits, true).env).toMatchObject({ HEARTH_WAITS: '1' });
    expect(adapter().plan({ ...limits, memoryMb: 32 }).argv).toContain('--max-old-space-size=24');
    expect(adapter().plan({ ...limits, cpus: 2 }).argv).toContain('--v8-pool-size=2');
    expect(adapter().plan({ ...limits, memoryMb: 2048 }).argv).toEqual(
      expect.arrayContaining(['--max-old-space-size=1536', '--max-semi-space-size=16']),
    );
  });

  it('probes the binary and the agent for real', async () => {
    expect(await adapter().probe()).toEqual({ status: 'available', version: process.versions.node });
    expect(await adapter({ nodePath: '/nowhere/node' }).probe()).toMatchObject({
      status: 'missing',
      fix: expect.stringContaining('npm ci'),
    });
    expect(await adapter({ agentPath: join(directory, 'agent.cjs') }).probe()).toMatchObject({ status: 'missing' });
    const old = join(directory, 'node');
    await writeFile(old, '#!/bin/sh\necho v18.20.0\n', { mode: 0o755 });
    expect(await adapter({ nodePath: old }).probe()).toMatchObject({
      status: 'missing',
      reason: expect.stringContaining('18.20.0'),
    });
  });
});
