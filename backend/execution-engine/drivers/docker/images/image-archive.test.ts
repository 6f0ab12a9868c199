import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeImage } from './image-archive.ts';

const { signal } = new AbortController();
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-image-'));
  const library = join(directory, 'library');
  mkdirSync(join(library, 'test'), { recursive: true });
  mkdirSync(join(library, 'json'));
  writeFileSync(join(library, 'json/a.py'), 'a = 1');
  writeFileSync(join(library, 'test/left-out.py'), '');
  writeFileSync(join(library, 'json/a.pyc'), Buffer.from('cb0d0d0a00000000aabbccdd05000000e3', 'hex'));
  symlinkSync('/etc/elsewhere', join(library, 'link'));
  copyFileSync('/bin/true', join(directory, 'program'));
  writeFileSync(join(directory, 'agent.cjs'), 'agent');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const plan = () => ({
  runtime: 'python' as const,
  agent: { hostPath: join(directory, 'agent.cjs'), guestPath: '/hearth/agent.cjs' },
  toolchain: [
    { hostPath: join(directory, 'library'), guestPath: '/usr/lib/python' },
    { hostPath: join(directory, 'program'), guestPath: '/usr/bin/python' },
  ],
});

async function unpack(): Promise<{
  place: string;
  manifest: { Config: string; RepoTags: string[]; Layers: string[] };
}> {
  const place = mkdtempSync(join(directory, 'unpacked-'));
  const image = await describeImage(plan(), signal);
  await pipeline(image.open(), createWriteStream(join(place, 'image.tar')));
  expect(spawnSync('tar', ['-xf', 'image.tar'], { cwd: place }).status).toBe(0);
  const [manifest] = JSON.parse(readFileSync(join(place, 'manifest.json'), 'utf8'));
  return { place, manifest };
}

describe('describeImage', () => {
  it('makes the same image from the same files, whenever they were written', async () => {
    const before = await describeImage(plan(), signal);
    utimesSync(join(directory, 'library/json/a.py'), 1, 1);
    const after = await describeImage(plan(), signal);
    expect(after.reference).toBe(before.reference);
    expect(after.sizeBytes).toBe(before.sizeBytes);
    expect(before.reference).toMatch(/^hearth\/python:[0-9a-f]{16}$/);
  });

  it('makes another one when the agent changes, with the same large layer', async () => {
    const before = await unpack();
    writeFileSync(join(directory, 'agent.cjs'), 'changed');
    const after = await unpack();
    writeFileSync(join(directory, 'agent.cjs'), 'agent');
    expect(after.manifest.RepoTags).not.toEqual(before.manifest.RepoTags);
    expect(after.manifest.Layers[0]).toBe(before.manifest.Layers[0]);
    expect(after.manifest.Layers[1]).not.toBe(before.manifest.Layers[1]);
  });

  it('holds the toolchain, its libraries and nothing else', async () => {
    const { place, manifest } = await unpack();
    const config = JSON.parse(readFileSync(join(place, manifest.Config), 'utf8'));
    expect(config.config.User).toBe('65532:65532');
    expect(config.config.Labels).toMatchObject({ 'hearth.runtime': 'python' });
    const [runtime = '', agent = ''] = manifest.Layers;
    const names = spawnSync('tar', ['-tf', runtime], { cwd: place, encoding: 'utf8' }).stdout.trim().split('\n');
    expect(names).toEqual(
      expect.arrayContaining(['usr/lib/python/json/a.py', 'usr/bin/python', 'tmp/', 'run/hearth/', 'app/']),
    );
    expect(names.some((name) => name.endsWith('/libc.so.6'))).toBe(true);
    expect(names.filter((name) => name.includes('left-out') || /\/(sh|bash|su)$/.test(name))).toEqual([]);
    expect(spawnSync('tar', ['-tf', agent], { cwd: place, encoding: 'utf8' }).stdout).toBe(
      'hearth/\nhearth/agent.cjs\n',
    );
  });

  it('marks compiled Python as not to be compared with its source', async () => {
    const { place, manifest } = await unpack();
    const args = ['-xOf', manifest.Layers[0] ?? '', 'usr/lib/python/json/a.pyc'];
    const { stdout } = spawnSync('tar', args, { cwd: place });
    expect(stdout.toString('hex')).toBe('cb0d0d0a010000000000000000000000e3');
  });

  it('says what is missing', async () => {
    const missing = { ...plan(), agent: { hostPath: join(directory, 'none'), guestPath: '/hearth/agent.cjs' } };
    await expect(describeImage(missing, signal)).rejects.toMatchObject({ code: 'runtime_file_missing' });
  });
});
