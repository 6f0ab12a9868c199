import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findNanos } from '../../backend/execution-engine/drivers/nanos/nanos-release.ts';
import { skippedFor } from '../support/skip-reason.ts';

const script = join(import.meta.dirname, '../../scripts/setup_nanos.sh');
const version = '0.1.55';
const why = process.arch === 'x64' && process.platform === 'linux' ? undefined : 'releases are for x86-64 Linux';

describe.skipIf(why !== undefined)(`scripts/setup_nanos.sh${skippedFor(why)}`, () => {
  let directory: string;
  let server: Server;
  let url: string;
  const files = new Map<string, Buffer>();

  const pack = (entries: Readonly<Record<string, string>>): Buffer => {
    const place = mkdtempSync(join(directory, 'pack-'));
    for (const [path, text] of Object.entries(entries)) {
      mkdirSync(join(place, path, '..'), { recursive: true });
      writeFileSync(join(place, path), text);
    }
    return execFileSync('tar', ['--create', '--gzip', '--directory', place, ...readdirSync(place)]);
  };
  const release = (): Buffer => pack({ 'kernel.img': 'a kernel', 'boot.img': 'a loader', 'klibs/tls': 'a library' });
  const publish = (bytes: Buffer, sum = createHash('md5').update(bytes).digest('hex')): void => {
    files.set(`/release/${version}/nanos-release-linux-${version}.tar.gz`, bytes);
    files.set(`/release/${version}/nanos-release-linux-${version}.md5`, Buffer.from(`${sum}\n`));
  };
  const publishSources = (recipe: string): void => {
    const makefile = `mkfs:\n\tmkdir -p output/tools/bin\n\t${recipe}\n`;
    files.set(`/sources/${version}.tar.gz`, pack({ [`nanos-${version}/Makefile`]: makefile }));
  };
  const run = async (args: readonly string[], env: Record<string, string> = {}) =>
    await new Promise<{ readonly code: number; readonly text: string }>((resolve) => {
      const places = { NANOS_RELEASES: `${url}/release`, NANOS_SOURCES: `${url}/sources` };
      const options = { env: { PATH: process.env['PATH'] ?? '', ...places, ...env } };
      execFile(script, [...args], options, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr });
      });
    });

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hearth-setup-'));
    server = createServer((request, response) => {
      const file = files.get(request.url ?? '');
      if (file === undefined) response.writeHead(404).end();
      else response.end(file);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    files.set('/release/latest.txt', Buffer.from(`${version}\n`));
  });
  afterAll(() => {
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('installs the newest release with an mkfs of its sources, as the driver wants it', async () => {
    publish(release());
    publishSources("printf '#!/bin/sh\\necho built\\n' > output/tools/bin/mkfs; chmod 755 output/tools/bin/mkfs");
    const target = join(directory, 'newest');
    const { code, text } = await run(['latest', target]);
    expect(text).toContain(`Installed Nanos ${version} in ${target}`);
    expect(code).toBe(0);
    const nanos = findNanos(target);
    expect(nanos.version).toBe(version);
    expect(readFileSync(nanos.kernel, 'utf8')).toBe('a kernel');
    expect(execFileSync(nanos.mkfs, { encoding: 'utf8' })).toBe('built\n');
  });

  it('takes an mkfs that is there already', async () => {
    publish(release());
    const target = join(directory, 'given');
    const { code } = await run([version, target], { NANOS_MKFS: '/bin/true' });
    expect(code).toBe(0);
    expect(statSync(findNanos(target).mkfs).mode & 0o111).toBe(0o111);
  });

  it('installs nothing that is not what was published or trusted, and keeps what was there', async () => {
    const target = join(directory, 'kept');
    mkdirSync(target);
    writeFileSync(join(target, 'kernel.img'), 'the one before');
    publishSources('false');
    const good = release();
    const attempts = [
      { sum: '0'.repeat(32), says: 'nothing was installed' },
      { sum: '', says: 'published is nothing' },
      { env: { NANOS_SHA256: '1'.repeat(64) }, says: 'not the one that you trust' },
      { env: { NANOS_SOURCE_SHA256: '1'.repeat(64) }, says: 'the sources is' },
      { says: 'mkfs could not be built' },
      { bytes: pack({ 'boot.img': 'alone' }), says: 'holds no kernel.img' },
      { args: ['9.9.9'], says: 'there is no nanos-release-linux-9.9.9' },
      { args: ['../../etc'], says: 'is no version' },
      { env: { NANOS_RELEASES: 'http://example.org' }, says: 'must begin with https://' },
      { env: { NANOS_MKFS: '/no/mkfs' }, says: 'is no program' },
    ];
    for (const { sum, bytes = good, env = {}, args = [version], says } of attempts) {
      publish(bytes, sum);
      const { code, text } = await run([...args, target], env);
      expect(text).toContain(says);
      expect(code, says).toBe(1);
    }
    expect(readFileSync(join(target, 'kernel.img'), 'utf8')).toBe('the one before');
    expect(existsSync(join(target, 'mkfs'))).toBe(false);
  });
});
