/**
 * What hostile code tries first. `attempt` is the body of a function that runs inside a sandbox with `fs`, `run(file, ...args)` (exit status and output),
 * `connect(host, port)` (resolves when connected) and `status(name)` (a field of /proc/self/status). It returns what it got
 * when the way is OPEN; nothing, false or an exception means closed. Reviewed: everything here must be closed.
 */
export interface AttackProbe {
  readonly name: string;
  readonly attempt: string;
}

const readable = (path: string): AttackProbe => ({
  name: `read ${path}`,
  attempt: `return fs.readFileSync('${path}').length > 0 && 'readable'`,
});
const listable = (path: string): AttackProbe => ({
  name: `list ${path}`,
  attempt: `return 'sees ' + fs.readdirSync('${path}').length + ' entries'`,
});
const absent = (path: string): AttackProbe => ({ name: `see ${path}`, attempt: `return fs.existsSync('${path}')` });
const writable = (path: string): AttackProbe => ({
  name: `write ${path}`,
  // Appends nothing where opening is enough to know: a probe must not change the host if a wall is missing.
  attempt: `fs.closeSync(fs.openSync('${path}', 'r+')); return 'opens for writing'`,
});
const creatable = (directory: string): AttackProbe => ({
  name: `create a file in ${directory}`,
  attempt: `const p = '${directory}/probe-' + process.pid; fs.writeFileSync(p, ''); fs.rmSync(p); return 'created'`,
});
const noCapability = (field: string): AttackProbe => ({
  name: `hold capabilities (${field})`,
  attempt: `return /[1-9a-f]/.test(status('${field}')) && status('${field}')`,
});
const startable = (file: string, ...args: readonly string[]): AttackProbe => ({
  name: `${file} ${args.join(' ')}`,
  attempt: `const r = run('${file}', ...${JSON.stringify(args)}); return r.status === 0 && 'succeeds'`,
});
const reachable = (host: string, port: string): AttackProbe => ({
  name: `connect to ${host} port ${port}`,
  attempt: `await connect('${host}', ${port}); return 'connected'`,
});

/** Programs that, where the host has them, are lent to the probe alone. */
export const attackTools = ['unshare', 'mount', 'umount', 'nsenter', 'dmesg', 'setpriv'];

export const attackProbes: readonly AttackProbe[] = [
  ...['/etc/shadow', '/etc/hostname', '/proc/kallsyms', '/proc/cmdline', '/proc/keys', '/proc/key-users'].map(readable),
  ...['/proc/vmallocinfo', '/proc/slabinfo', '/proc/kpageflags', '/proc/timer_list'].map(readable),
  ...['/proc/1/root/etc/shadow'].map(readable),
  ...['/root', '/home', '/var', '/run', '/sys', '/boot', '/opt', '/mnt', '/srv', '/media'].map(listable),
  ...['/etc/ssh', '/etc/cron.d'].map(listable),
  ...['/dev/vda', '/dev/sda', '/dev/kvm', '/dev/mem', '/dev/fuse', '/dev/net/tun', '/var/run/docker.sock'].map(absent),
  ...['/dev/loop-control', '/dev/vhost-vsock', '/dev/vhost-net', '/dev/kmsg', '/dev/port', '/dev/mapper'].map(absent),
  ...['/run/containerd/containerd.sock', '/run/dbus/system_bus_socket', '/run/systemd/private'].map(absent),
  ...['/bin/sh', '/usr/bin/bash', '/usr/bin/su', '/usr/bin/sudo', '/sys/fs/cgroup'].map(absent),
  ...['core_pattern', 'modprobe', 'hostname', 'randomize_va_space', 'sysrq'].map((name) =>
    writable(`/proc/sys/kernel/${name}`),
  ),
  ...['vm/overcommit_memory', 'net/ipv4/ip_forward', 'user/max_user_namespaces'].map((name) =>
    writable(`/proc/sys/${name}`),
  ),
  ...['/proc/sys/vm/drop_caches', '/proc/sysrq-trigger', '/etc/passwd', '/proc/kcore'].map(writable),
  ...['/', '/app', '/etc', '/usr', '/usr/bin', '/usr/lib', '/dev', '/proc/sys', '/root', '/run', '/home'].map(
    creatable,
  ),
  {
    name: 'lower its own OOM score',
    attempt: "fs.writeFileSync('/proc/self/oom_score_adj', '-1000'); return 'written'",
  },
  {
    name: 'raise its own priority',
    // From what the platform has, which an operator may have raised; -20 is the highest.
    attempt: "if (os.getPriority() > -20) { os.setPriority(os.getPriority() - 1); return 'raised' }",
  },
  { name: 'map itself to root', attempt: "fs.writeFileSync('/proc/self/uid_map', '0 0 1'); return 'mapped'" },
  { name: 'be let into groups', attempt: "fs.writeFileSync('/proc/self/setgroups', 'allow'); return 'allowed'" },
  { name: 'set its user id to root', attempt: "process.setuid(0); return 'root'" },
  { name: "set its group id to root's", attempt: "process.setgid(0); return 'root'" },
  { name: "enter root's group", attempt: "process.setgroups([0]); return 'entered'" },
  {
    name: 'have a terminal',
    attempt: "fs.closeSync(fs.openSync('/dev/tty', 'r')); return 'opens'",
  },
  {
    name: 'leave a core file',
    attempt:
      "const [, soft, hard] = /^Max core file size\\s+(\\S+)\\s+(\\S+)/m.exec(fs.readFileSync('/proc/self/limits', 'utf8')); return (soft !== '0' || hard !== '0') && soft + ' ' + hard",
  },
  {
    name: 'gain by a set-user-id file',
    attempt:
      "const odd = fs.readFileSync('/proc/self/mountinfo', 'utf8').trim().split('\\n').map((line) => line.split(' ')).filter((fields) => !fields[5].split(',').includes('nosuid')); return odd.length > 0 && odd.map((fields) => fields[4]).join(' ')",
  },
  {
    name: 'change the agent',
    attempt: "fs.chmodSync(process.execPath, 0o777); return 'mode of the interpreter changed'",
  },
  ...['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map(noCapability),
  { name: 'run without seccomp', attempt: "return status('Seccomp') !== '2' && status('Seccomp')" },
  { name: 'gain privileges by exec', attempt: "return status('NoNewPrivs') !== '1' && status('NoNewPrivs')" },
  {
    name: 'be root',
    attempt: 'return (process.getuid() === 0 || process.geteuid() === 0 || process.getgroups().includes(0)) && "yes"',
  },
  {
    // Code may write the memory of process 1, as it has the same user id: that must not gain it anything.
    name: 'use process 1, which has more rights',
    attempt:
      "const t = fs.readFileSync('/proc/1/status', 'utf8'); return (!/^Seccomp:\\s+2$/m.test(t) || !/^NoNewPrivs:\\s+1$/m.test(t) || /^Cap(Eff|Prm|Bnd):\\s+.*[1-9a-f]/m.test(t)) && t",
  },
  {
    name: 'see other processes',
    // bwrap's reaper, the program that became the interpreter, and nothing else.
    attempt: "const n = fs.readdirSync('/proc').filter((x) => /^[0-9]+$/.test(x)); return n.length > 2 && n.join(' ')",
  },
  {
    name: 'find inherited descriptors',
    attempt:
      'const own = /^(\\/proc|\\/dev\\/(null|urandom)|anon_inode|.*eventpoll)/; const odd = openAtStart.filter(([n, t]) => n > 3 && !own.test(t) && !nodeOwn(t)); return odd.length > 0 && JSON.stringify(odd)',
  },
  {
    name: "find the platform's environment",
    attempt:
      "const known = ['PATH','HOME','TMPDIR','LANG','HEARTH_CHANNEL','PWD']; const odd = Object.keys(process.env).filter((k) => !known.includes(k)); return odd.length > 0 && odd.join(' ')",
  },
  {
    name: 'find the environment of the platform in process 1',
    attempt:
      "const known = ['PATH', 'PWD', 'OLDPWD', 'SHLVL', '_']; const odd = fs.readFileSync('/proc/1/environ', 'utf8').split('\\0').map((v) => v.split('=')[0]).filter((k) => k !== '' && !known.includes(k)); return odd.length > 0 && odd.join(' ')",
  },
  {
    name: 'see network interfaces',
    attempt: "return Object.keys(os.networkInterfaces()).some((n) => n !== 'lo') && 'yes'",
  },
  reachable('127.0.0.1', 'hostPort'),
  reachable('::1', 'hostPort'),
  reachable('169.254.169.254', '80'),
  reachable('1.1.1.1', '53'),
  reachable('172.17.0.1', '2375'),
  reachable('192.168.0.1', '80'),
  reachable('fd00:ec2::254', '80'),
  reachable('2606:4700:4700::1111', '53'),
  {
    name: 'reach an abstract Unix socket of the host',
    attempt: "await connect('\\0' + abstractName); return 'connected'",
  },
  startable('/usr/bin/unshare', '--user', '/usr/bin/prlimit'),
  startable('/usr/bin/unshare', '--mount', '/usr/bin/prlimit'),
  startable('/usr/bin/unshare', '--net', '/usr/bin/prlimit'),
  startable('/usr/bin/unshare', '--pid', '/usr/bin/prlimit'),
  startable('/usr/bin/unshare', '--ipc', '/usr/bin/prlimit'),
  startable('/usr/bin/unshare', '--uts', '/usr/bin/prlimit'),
  startable('/usr/bin/unshare', '--cgroup', '/usr/bin/prlimit'),
  startable('/usr/bin/mount', '-t', 'tmpfs', 'none', '/tmp'),
  startable('/usr/bin/mount', '-o', 'remount,rw', '/'),
  startable('/usr/bin/umount', '/proc/sys'),
  startable('/usr/bin/nsenter', '--target', '1', '--mount', '/usr/bin/prlimit'),
  startable('/usr/bin/dmesg'),
  startable('/usr/bin/setpriv', '--reuid=0', '/usr/bin/prlimit'),
  {
    name: 'raise a resource limit',
    attempt: "return run('/usr/bin/prlimit', '--nofile=4096:4096', '/usr/bin/prlimit').status === 0 && 'raised'",
  },
  {
    name: 'fill more than /tmp holds',
    attempt:
      "const f = fs.openSync('/tmp/fill', 'w'); let n = 0; try { for (; n <= tmpMb; n++) fs.writeSync(f, Buffer.alloc(1048576)); } catch (e) { if (e.code === 'ENOSPC') return; throw e; } finally { fs.closeSync(f); fs.rmSync('/tmp/fill'); } return n + ' MiB'",
  },
];

/** What runs inside: reads `{probes, facts}` as one line from the channel, answers one line with those that are open. */
export const attackProgram = `
const fs = require('node:fs'), net = require('node:net'), os = require('node:os'), cp = require('node:child_process');
const openAtStart = fs.readdirSync('/proc/self/fd').flatMap((n) => { try { return [[Number(n), fs.readlinkSync('/proc/self/fd/' + n)]]; } catch { return []; } });
const nodeOwn = (target) => /^(pipe|socket):/.test(target) === false ? false : nodePipes.has(target);
const counts = new Map(); for (const [, t] of openAtStart) counts.set(t, (counts.get(t) || 0) + 1);
// Node's own wake-up pipes are open at both ends in this process; an inherited one is open once.
const nodePipes = new Set([...counts].filter(([t, n]) => n === 2 && t.startsWith('pipe:')).map(([t]) => t));
const status = (name) => (new RegExp('^' + name + ':\\\\s+(.*)$', 'm').exec(fs.readFileSync('/proc/self/status', 'utf8')) || [])[1];
const run = (file, ...args) => cp.spawnSync(file, args, { encoding: 'utf8', timeout: 2000 });
const connect = (host, port) => new Promise((resolve, reject) => {
  const socket = port === undefined ? net.connect({ path: host }) : net.connect({ host, port });
  socket.setTimeout(300, () => { socket.destroy(); reject(new Error('timeout')); });
  socket.on('connect', () => { socket.destroy(); resolve(); }); socket.on('error', reject);
});
const channel = new net.Socket({ fd: 3, readable: true, writable: true });
let text = '';
channel.on('data', async (chunk) => {
  text += chunk;
  if (!text.endsWith('\\n')) return;
  const { probes, facts } = JSON.parse(text);
  const given = { fs, os, status, run, connect, openAtStart, nodeOwn, ...facts };
  const AsyncFunction = (async () => {}).constructor;
  const open = [];
  await Promise.all(probes.map(async ({ name, attempt }) => {
    try {
      const got = await new AsyncFunction(...Object.keys(given), attempt)(...Object.values(given));
      if (got) open.push(name + ': ' + got);
    } catch {}
  }));
  channel.end(JSON.stringify({ count: probes.length, open }) + '\\n');
});
`;
