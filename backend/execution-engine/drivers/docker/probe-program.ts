/**
 * What runs inside the container of a probe: tries what hostile code tries first, and answers one line of JSON with the ways that are
 * open. Everything here must be closed; a missing file or a refused call is what we hope for.
 */
export const probeProgram = `'use strict';
const fs = require('node:fs'), net = require('node:net'), os = require('node:os');
const open = [];
const attempt = (name, work) => { try { const got = work(); if (got) open.push(name + ': ' + got); } catch {} };
const field = (file, name) => (new RegExp('^' + name + ':\\\\s+(.*)$', 'm').exec(fs.readFileSync(file, 'utf8')) || [])[1];
for (const file of ['/proc/self/status', '/proc/1/status']) {
  attempt('run without seccomp', () => field(file, 'Seccomp') !== '2' && file);
  attempt('gain privileges by exec', () => field(file, 'NoNewPrivs') !== '1' && file);
  for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
    attempt('hold capabilities', () => /[1-9a-f]/.test(field(file, name)) && file + ' ' + name);
}
attempt('be root', () => (process.getuid() === 0 || process.getgroups().includes(0)) && 'yes');
for (const path of ['/var/run/docker.sock', '/run/docker.sock', '/dev/kvm', '/dev/mem', '/dev/sda', '/dev/vda', '/.hearth'])
  attempt('see', () => fs.existsSync(path) && path);
for (const path of ['/proc/kcore', '/proc/kallsyms', '/proc/keys', '/etc/shadow'])
  attempt('read', () => fs.readFileSync(path).length > 0 && path);
// A folder that something is mounted on may be there, if there is nothing in it.
for (const path of ['/sys', '/root', '/home', '/var'])
  attempt('list', () => fs.readdirSync(path, { recursive: true, withFileTypes: true }).some((x) => !x.isDirectory()) && path);
for (const path of ['/proc/sys/kernel/core_pattern', '/proc/sys/kernel/hostname', '/proc/sysrq-trigger', '/etc/passwd', process.execPath])
  attempt('open for writing', () => { fs.closeSync(fs.openSync(path, 'r+')); return path; });
for (const path of ['/', '/app', '/etc', '/usr', '/usr/bin', '/dev', '/run', '/run/hearth', '/var/tmp', '/proc/sys'])
  attempt('create a file in', () => { const file = path + '/probe'; fs.writeFileSync(file, ''); fs.rmSync(file); return path; });
attempt('lower its own OOM score', () => { fs.writeFileSync('/proc/self/oom_score_adj', '-1000'); return 'yes'; });
attempt('see other processes', () => { const n = fs.readdirSync('/proc').filter((x) => /^[0-9]+$/.test(x)).length; return n > 2 && n; });
attempt('see network interfaces', () => Object.keys(os.networkInterfaces()).filter((n) => n !== 'lo').join(' '));
const bytes = Buffer.alloc(1048576);
let tmpMb = 0;
try {
  const file = fs.openSync('/tmp/fill', 'w');
  try { for (; tmpMb < 64; tmpMb++) fs.writeSync(file, bytes); } finally { fs.closeSync(file); fs.rmSync('/tmp/fill'); }
} catch {}
const channel = net.connect(process.env.HEARTH_CHANNEL.slice('unix:'.length));
channel.on('error', () => process.exit(1));
channel.on('close', () => process.exit(0));
channel.on('data', () => {});
channel.write(JSON.stringify({ open, tmpMb }) + '\\n');
`;
