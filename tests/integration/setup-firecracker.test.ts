import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skippedFor } from '../support/skip-reason.ts';

const script = join(import.meta.dirname, '../../scripts/setup_firecracker.sh');
const version = 'v1.16.0';
const archive = `firecracker-${version}-x86_64.tgz`;
const why = process.arch === 'x64' && process.platform === 'linux' ? undefined : 'releases are for x86-64 Linux';

describe.skipIf(why !== undefined)(`scripts/setup_firecracker.sh${skippedFor(why)}`, () => {
  let directory: string;
  let server: Server;
  let releases: string;
  const files = new Map<string, Buffer>();

  /** A release as the project publishes it, with programs that tell this version. */
  const pack = (told: string): Buffer => {
    const place = mkdtempSync(join(directory, 'release-'));
    const folder = join(place, `release-${version}-x86_64`);
    mkdirSync(folder);
    for (const name of ['Firecracker', 'Jailer']) {
      const text = `#!/bin/sh\necho "${name} ${told}"\n`;
      writeFileSync(join(folder, `${name.toLowerCase()}-${version}-x86_64`), text);
    }
    return execFileSync('tar', ['--create', '--gzip', '--directory', place, `release-${version}-x86_64`]);
  };
  const publish = (bytes: Buffer, sum = createHash('sha256').update(bytes).digest('hex')): string => {
    files.set(`/download/${version}/${archive}`, bytes);
    files.set(`/download/${version}/${archive}.sha256.txt`, Buffer.from(`${sum}  ${archive}\n`));
    return sum;
  };
  const run = async (args: readonly string[], env: Record<string, string> = {}) =>
    await new Promise<{ readonly code: number; readonly text: string }>((resolve) => {
      const options = { env: { PATH: process.env['PATH'] ?? '', FIRECRACKER_RELEASES: releases, ...env } };
      execFile(script, [...args], options, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr });
      });
    });

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hearth-setup-'));
    server = createServer((request, response) => {
      const { url = '' } = request;
      if (url === '/latest') response.writeHead(302, { location: `/tag/${version}` }).end();
      else if (url === `/tag/${version}`) response.end('a page');
      else if (files.has(url)) response.end(files.get(url));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    releases = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  });
  afterAll(() => {
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('installs the newest release, or the one that is asked for', async () => {
    const sum = publish(pack(version));
    for (const [name, args] of [
      ['newest', ['latest']],
      ['named', [version]],
    ] as const) {
      const target = join(directory, name, 'bin');
      const { code, text } = await run([...args, target], { FIRECRACKER_SHA256: sum });
      expect(text).toContain(`Installed ${target}/firecracker`);
      expect(code).toBe(0);
      expect(execFileSync(join(target, 'jailer'), ['--version'], { encoding: 'utf8' })).toBe(`Jailer ${version}\n`);
    }
  });

  it('installs nothing that is not what was published or trusted, and keeps what was there', async () => {
    const target = join(directory, 'kept');
    mkdirSync(target);
    writeFileSync(join(target, 'firecracker'), 'the one before');
    const good = pack(version);
    const attempts = [
      { sum: '0'.repeat(64), says: 'nothing was installed' },
      { sum: '', says: 'published is nothing' },
      { env: { FIRECRACKER_SHA256: '1'.repeat(64) }, says: 'not the one that you trust' },
      { bytes: pack('v1.0.0'), says: 'does not say that it is' },
      { args: ['v9.9.9'], says: 'there is no firecracker-v9.9.9' },
      { args: ['../../etc'], says: 'is no version' },
      { env: { FIRECRACKER_RELEASES: 'http://example.org' }, says: 'must begin with https://' },
    ];
    for (const { sum, bytes = good, env = {}, args = [version], says } of attempts) {
      publish(bytes, sum);
      const { code, text } = await run([...args, target], env);
      expect(text).toContain(says);
      expect(code, says).toBe(1);
    }
    expect(readFileSync(join(target, 'firecracker'), 'utf8')).toBe('the one before');
    expect(existsSync(join(target, 'jailer'))).toBe(false);
  });
});
