import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TarEntry, writeTar } from './tar.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-tar-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function pack(entries: readonly TarEntry[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of writeTar(entries)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('writeTar', () => {
  it('makes what tar(1) reads, long names and links too', async () => {
    const host = join(directory, 'host');
    writeFileSync(host, 'from the host');
    const long = `${'d'.repeat(60)}/${'é'.repeat(80)}/file`;
    const entries: readonly TarEntry[] = [
      { kind: 'directory', path: 'tmp', mode: 0o1777 },
      { kind: 'bytes', path: long, mode: 0o444, bytes: Buffer.from('deep') },
      { kind: 'file', path: 'bin/program', mode: 0o555, hostPath: host, sizeBytes: 13 },
      { kind: 'symlink', path: 'lib', target: `usr/${'l'.repeat(120)}` },
      {
        kind: 'stream',
        path: 'made',
        mode: 0o644,
        sizeBytes: 1000,
        open: async function* () {
          yield Buffer.alloc(999, 'x');
          yield Buffer.from('y');
        },
      },
    ];
    const bytes = await pack(entries);
    expect(bytes.length % 512).toBe(0);
    const list = spawnSync('tar', ['-tvf', '-', '--quoting-style=literal', '--numeric-owner', '--utc'], {
      input: bytes,
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    });
    expect(list.stderr).toBe('');
    const lines = list.stdout.trim().split('\n');
    expect(lines[0]).toMatch(/^drwxrwxrwt 0\/0 +0 1970-01-01 00:00 tmp\/$/);
    expect(lines[1]).toMatch(new RegExp(`^-r--r--r-- 0/0 +4 1970-01-01 00:00 ${long}$`));
    expect(lines[2]).toMatch(/^-r-xr-xr-x 0\/0 +13 .* bin\/program$/);
    expect(lines[3]).toMatch(new RegExp(` lib -> usr/${'l'.repeat(120)}$`));
    const made = spawnSync('tar', ['-xOf', '-', 'made', 'bin/program'], { input: bytes, encoding: 'utf8' });
    expect(made.stdout).toBe(`from the host${'x'.repeat(999)}y`);
    expect((await pack(entries)).equals(bytes)).toBe(true);
  });

  it.each([12, 14])('rejects when a file is not of %i bytes', async (sizeBytes) => {
    const host = join(directory, 'changing');
    writeFileSync(host, 'x'.repeat(13));
    const packing = pack([{ kind: 'file', path: 'a', mode: 0o444, hostPath: host, sizeBytes }]);
    await expect(packing).rejects.toMatchObject({ code: 'runtime_file_changed' });
  });
});
