import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { needsOpenssl, selfSigned } from './support/certificate.ts';
import { skippedFor } from './support/skip-reason.ts';

/** What is installed with other programs is read by those programs here, not by the eye alone. */
const folder = mkdtempSync(join(tmpdir(), 'hearth-deploy-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const deployed = (path: string): string => readFileSync(join(import.meta.dirname, '../deploy', path), 'utf8');

function placed(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

interface Answer {
  readonly status: number | null;
  readonly said: string;
}

function run(program: string, args: readonly string[]): Answer {
  // A configuration that is checked leaves nothing in the home of who checks it.
  const env = { PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, HOME: folder };
  const { status, stdout, stderr, error } = spawnSync(program, args, { env, cwd: folder, encoding: 'utf8' });
  return { status, said: error === undefined ? `${stdout}${stderr}` : String(error) };
}

const whyNot = (program: string, args: readonly string[]): string | undefined =>
  run(program, args).status === 0 ? undefined : `${program} is not installed`;

/** The program that the unit starts is not there on this machine. */
const unit = (text: string): string => text.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true');
const checkUnit = (text: string): Answer =>
  run('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', placed('hearth.service', unit(text))]);

const noSystemd = whyNot('systemd-analyze', ['--version']);
it.skipIf(noSystemd !== undefined)(`systemd understands every line of the unit${skippedFor(noSystemd)}`, () => {
  const text = deployed('systemd/hearth.service');
  expect(checkUnit(text)).toEqual({ status: 0, said: '' });
  expect(checkUnit(text.replace('ProtectHome=', 'ProtectHomes=')).said).toContain('ProtectHomes');
});

const checkCaddyfile = (text: string): Answer =>
  run('caddy', ['validate', '--adapter', 'caddyfile', '--config', placed('Caddyfile', text)]);

const noCaddy = whyNot('caddy', ['version']);
it.skipIf(noCaddy !== undefined)(`Caddy takes its configuration${skippedFor(noCaddy)}`, () => {
  const text = deployed('proxy/Caddyfile');
  const { status, said } = checkCaddyfile(text);
  expect(status, said).toBe(0);
  expect(checkCaddyfile(text.replace('flush_interval', 'flush_intervals')).status).not.toBe(0);
});

/** As it is included, with everything that nginx writes in a folder of the test. */
function checkNginx(text: string): Answer {
  const { key, cert } = selfSigned('DNS:hearth.example.org,DNS:fn.example.org');
  placed('site.key', key);
  placed('site.crt', cert);
  mkdirSync(join(folder, 'temp'), { recursive: true });
  const site = text
    .replaceAll(/ssl_certificate_key \S+;/g, `ssl_certificate_key ${folder}/site.key;`)
    .replaceAll(/ssl_certificate \S+;/g, `ssl_certificate ${folder}/site.crt;`)
    // 443 may belong to somebody else; a port that is taken is none of what is checked.
    .replaceAll(/listen (?<any>\[::\]:)?443/g, 'listen $<any>44300');
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/temp/${name};`,
  );
  const main = placed(
    'nginx.conf',
    `pid ${folder}/nginx.pid;\nevents {}\nhttp {\naccess_log off;\n${folders.join('\n')}\n${site}\n}\n`,
  );
  return run('nginx', ['-t', '-q', '-e', 'stderr', '-c', main]);
}

const noNginx = whyNot('nginx', ['-v']) ?? needsOpenssl;
it.skipIf(noNginx !== undefined)(`nginx takes its configuration${skippedFor(noNginx)}`, () => {
  const text = deployed('proxy/nginx.conf');
  expect(checkNginx(text)).toEqual({ status: 0, said: '' });
  expect(checkNginx(text.replace('proxy_buffering', 'proxy_bufferings')).said).toContain('proxy_bufferings');
});
