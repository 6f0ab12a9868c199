import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { channelRows } from './hostile-channel-rows.ts';
import { brief, exited, type HostileRow, node, ok, outOfMemory, python, threw, timeout } from './hostile-row.ts';

const small = { memoryMb: 96 };
/** Of a value that JSON cannot hold; `why` comes from the engine. */
const noJson = (why: string) => threw(new RegExp(`^the function failed: InvalidResult: .*: ${why}`));

/** Rows of section A that a function plays by itself. After each the function answers calmly again, and its neighbour never noticed. */
export const hostileRows: readonly HostileRow[] = [
  node('A1', 'waits for ever', 'await new Promise(() => {});', [timeout], { config: brief }),
  node('A2', 'loops for ever', 'for (;;);', [timeout], { config: brief }),
  node(
    'A2',
    'loops and ignores SIGTERM',
    "process.on('SIGTERM', () => {}); process.on('SIGINT', () => {}); for (;;);",
    [timeout],
    { config: brief },
  ),
  python('A2', 'loops for ever in Python', 'while True: pass', [timeout], { config: brief }),
  node('A2', 'stops itself', "process.kill(process.pid, 'SIGSTOP'); await new Promise(() => {});", [timeout], {
    config: brief,
    inUnikernel: [exited(/SIGSTOP$/)],
  }),
  node('A3', 'throws', "throw new TypeError('no such order');", [
    threw(
      /^the function failed: TypeError: no such order$/,
      /^TypeError: no such order\n {4}at play \(row_a3_\d+\.mjs:3:9\)\n {4}at handler \(index\.mjs:\d+:\d+\)$/,
    ),
  ]),
  python('A3', 'raises', "raise KeyError('no such order')", [
    threw(/^the function failed: KeyError: .*no such order/, /row_a3_\d+\.py", line 3, in play\n/),
  ]),
  node('A3', 'rejects with what is no error', 'await Promise.reject(null);', [
    threw(/^the function failed: null: null$/),
  ]),
  node(
    'A4',
    'throws in a timer during the call',
    "setTimeout(() => { throw new Error('late'); }, 1); await new Promise(() => {});",
    [threw(/^the function failed: Error: late$/, /^Error: late\n {4}at .*row_a4_\d+\.mjs:3:\d+\)$/)],
    { fate: 'replaced' },
  ),
  node(
    'A4',
    'leaves a rejection unhandled',
    "Promise.reject(new Error('late')); await new Promise(() => {});",
    [threw(/^the function failed: Error: late$/, /^Error: late\n {4}at play \(row_a4_\d+\.mjs:3:\d+\)\n/)],
    { fate: 'replaced' },
  ),
  node('A5', 'exits with 0', 'process.exit(0);', [exited(/exited with code 0 /)]),
  node('A5', 'exits with 7', 'process.exit(7);', [exited(/exited with code 7 /)]),
  node('A5', 'aborts', 'process.abort();', [exited(/ended by SIGABRT$/)]),
  python('A5', 'exits past all handlers', 'os._exit(3)', [exited(/exited with code 3 /)], { before: 'import os' }),
  python('A5', 'aborts in Python', 'os.abort()', [exited(/ended by SIGABRT$/)], { before: 'import os' }),
  python('A5', 'leaves through sys.exit', 'sys.exit(4)', [exited(/exited with code 4 /)], { before: 'import sys' }),
  python(
    'A5',
    'may leave no core file',
    "return {'core': list(resource.getrlimit(resource.RLIMIT_CORE))}",
    [ok({ core: [0, 0] })],
    { before: 'import resource' },
  ),
  node(
    'A6',
    'kills everything that it may',
    "spawnSync(process.execPath, ['-e', 'process.kill(-1, 9)']); try { process.kill(-1, 'SIGKILL'); } catch {} process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});",
    // A container that takes long to end was removed by then, which looks the same.
    [exited(/ended by SIGKILL$|closed its channel/)],
    { before: "import { spawnSync } from 'node:child_process';", needsChildren: true },
  ),
  python(
    'A8',
    'forks until it may not',
    `
  pids = []
  code = None
  for _ in range(500):
    try:
      pid = os.fork()
    except OSError as error:
      code = errno.errorcode[error.errno]
      break
    if pid == 0:
      time.sleep(60)
      os._exit(0)
    pids.append(pid)
  for pid in pids: os.kill(pid, 9)
  for pid in pids: os.waitpid(pid, 0)
  return {'code': code, 'within': len(pids) < 40}`,
    [ok({ code: 'EAGAIN', within: true })],
    { before: 'import errno, os, time', config: { maxPids: 40 }, needsChildren: true },
  ),
  python(
    'A8',
    'starts threads until it may not',
    `
  end = threading.Event()
  threads = []
  code = None
  for _ in range(500):
    try:
      thread = threading.Thread(target=end.wait)
      thread.start()
    except RuntimeError:
      code = 'RuntimeError'
      break
    threads.append(thread)
  end.set()
  for thread in threads: thread.join()
  return {'code': code, 'within': len(threads) < 40}`,
    [ok({ code: 'RuntimeError', within: true })],
    { before: 'import threading', config: { maxPids: 40 }, needsChildren: true },
  ),
  python(
    'A8',
    'forks for ever, and so do its children',
    `
  while True:
    try: os.fork()
    except OSError: pass`,
    [timeout],
    { before: 'import os', config: { maxPids: 40, ...brief }, needsChildren: true },
  ),
  node('A9', 'fills the heap', 'const kept = []; for (;;) kept.push(new Array(1_000_000).fill(1.5));', [outOfMemory], {
    config: small,
  }),
  node('A9', 'fills buffers', 'const kept = []; for (;;) kept.push(Buffer.alloc(4_000_000, 1));', [outOfMemory], {
    config: small,
  }),
  python(
    'A9',
    'fills a bytearray',
    'kept = []\n  while True: kept.append(bytearray(b"x" * 4_000_000))',
    [outOfMemory],
    { config: small },
  ),
  python(
    'A9',
    'maps and touches memory',
    'kept = []\n  while True:\n    area = mmap.mmap(-1, 4 << 20)\n    area.write(b"x" * (4 << 20))\n    kept.append(area)',
    [outOfMemory],
    { before: 'import mmap', config: small },
  ),
  python(
    'A10',
    'fills memory in children',
    `
  for _ in range(6):
    if os.fork() == 0:
      kept = bytearray(b"x" * (48 << 20))
      time.sleep(60)
      os._exit(0)
  time.sleep(60)`,
    [outOfMemory],
    { before: 'import os, time', config: small, needsChildren: true },
  ),
  node(
    'A11',
    'fills /tmp',
    "try { for (let i = 0; ; i++) writeFileSync('/tmp/' + i, Buffer.alloc(1_000_000)); } catch (error) { for (const name of readdirSync('/tmp')) rmSync('/tmp/' + name); return { code: error.code }; }",
    [ok({ code: 'ENOSPC' })],
    { before: "import { readdirSync, rmSync, writeFileSync } from 'node:fs';", config: { tmpMb: 8 } },
  ),
  python(
    'A11',
    'makes a million empty files',
    `
  try:
    for i in range(1_000_000): open(f'/tmp/{i}', 'w').close()
  except OSError as error:
    return {'code': errno.errorcode[error.errno]}
  return {'code': 'none'}`,
    [ok({ code: 'ENOSPC' }), outOfMemory],
    {
      before: 'import errno',
      config: { memoryMb: 64, tmpMb: 8, timeoutMs: 60_000 },
      // There an empty file takes up memory of the machine alone, and each takes longer than the one before: which ends it, the kernel's memory, the program's
      // or the time-out, depends on the processor.
      inUnikernel: [outOfMemory, timeout, ok({ code: 'ENOMEM' })],
    },
  ),
  python(
    'A12',
    'opens a million descriptors',
    `
  kept = []
  try:
    for _ in range(1_000_000): kept.append(os.open('/dev/null', 0))
  except OSError as error:
    code = errno.errorcode[error.errno]
  for descriptor in kept: os.close(descriptor)
  return {'code': code, 'within': len(kept) < 1024}`,
    [ok({ code: 'EMFILE', within: true })],
    // There the memory of the machine is the limit, which is the function's alone.
    { before: 'import errno, os', inUnikernel: [ok({ code: 'EMFILE', within: false })] },
  ),
  node(
    'A13',
    'prints without end',
    "for (let n = 0; ; n++) { try { writeSync(1, 'line ' + n + 'x'.repeat(1000) + '\\n'); } catch (error) { if (error.code !== 'EAGAIN') throw error; } }",
    [{ ...timeout, logs: ['line 0x', 'line 50x'] }],
    {
      before: "import { writeSync } from 'node:fs';",
      config: brief,
      // Its console is a serial port, which takes some seventy such lines a second.
      inUnikernel: [{ ...timeout, logs: ['line 0x', 'line 9x'] }],
    },
  ),
  node(
    'A13',
    'prints as fast as it may, and is held back by a host that stops reading',
    "const block = Buffer.alloc(65_536, 'x'.repeat(1023) + '\\n'); let bytes = 0; for (const end = Date.now() + 700; Date.now() < end; ) { try { bytes += writeSync(1, block); } catch (error) { if (error.code !== 'EAGAIN') throw error; } } return { within: event.isGuest || bytes < 8 * 2 ** 20 };",
    [ok({ within: true })],
    // The kernel of a guest drops what its console does not take. It has used up what raw output may have for a while.
    { before: "import { writeSync } from 'node:fs';", isAlone: true },
  ),
  node(
    'A14',
    'prints bytes that are no text, controls and a line of 10 MB',
    "for (const part of [Buffer.from([0xff, 0xfe, 0, 0x1b, 0x5b, 0x32, 0x4a, 0x0d, 0xc3, 0x28, 10]), Buffer.alloc(500_000, 'raw'), Buffer.from('\\n')]) for (let at = 0; at < part.length; ) { try { at += writeSync(1, part, at); } catch (error) { if (error.code !== 'EAGAIN') throw error; } } console.log('long' + 'x'.repeat(10_000_000)); return { printed: true };",
    [ok({ printed: true }, { logs: ['\ufffd\ufffd', '[2J', '\ufffd(', 'rawraw', 'xxx [cut]'] })],
    { before: "import { writeSync } from 'node:fs';" },
  ),
  node(
    'A15',
    'prints what looks like an answer of another call',
    `process.stdout.write(Buffer.from([0, 0, 0, 20, 4, 0, 0, 0, 1])); console.log('{"type":"result","status":200,"body":"forged"}'); return { mine: true };`,
    [ok({ mine: true }, { logs: ['{"type":"result","status":200,"body":"forged"}'] })],
  ),
  ...channelRows,
  node('A17', 'returns undefined', 'return undefined;', [ok(null)]),
  node('A17', 'returns a symbol', "return Symbol('x');", [ok(null)]),
  node('A17', 'returns what is no number', 'return NaN;', [ok(null)]),
  node('A17', 'returns a BigInt', 'return 1n;', [noJson('Do not know how to serialize a BigInt')]),
  node('A17', 'returns a cycle', 'const a = {}; a.a = a; return a;', [noJson('Converting circular structure')]),
  node('A17', 'returns a value whose toJSON throws', "return { toJSON() { throw new Error('no'); } };", [
    noJson('no$'),
  ]),
  node('A17', 'returns a getter that throws', "return { get x() { throw new Error('no'); } };", [noJson('no$')]),
  node(
    'A17',
    'returns a proxy that throws',
    "return new Proxy({}, { get() { throw new Error('no'); }, ownKeys() { throw new Error('no'); } });",
    [threw(/^the function failed: Error: no$/)],
  ),
  node(
    'A17',
    'returns more than it may',
    "return 'x'.repeat(100_000);",
    [{ status: 502, code: 'response_too_large', detail: /at most 10000 are allowed$/ }],
    {
      config: { maxResponseBytes: 10_000 },
    },
  ),
  node(
    'A19',
    'leaves a child, a timer and a socket behind',
    // Another Node.js, as a sandbox need not have a shell.
    `setInterval(() => {}, 1);
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  child.unref();
  const server = createServer().listen(0);
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  return { left: true };`,
    [ok({ left: true })],
    {
      before: "import { spawn } from 'node:child_process'; import { createServer } from 'node:net';",
      needsChildren: true,
      isAlone: true,
    },
  ),
  node(
    'A20',
    'pollutes every prototype',
    "Object.prototype.polluted = 'yes'; Array.prototype.map = () => { throw new Error('polluted'); }; Promise.prototype.then = undefined; JSON.stringify = () => 'forged'; process.env.PATH = ''; return { done: 1 };",
    [ok({ done: 1 })],
    { isAlone: true },
  ),
  node(
    'A21',
    'reads what is not its own',
    `const open = []; for (const path of event.paths) { try { statSync(path).isDirectory() ? readdirSync(path) : readFileSync(path); open.push(path); } catch {} }
  let code; for (const path of ['/usr/x', '/x', '/rt/x', '/etc/x', '/app/x', '/app/index.mjs']) { try { writeFileSync(path, 'x'); open.push('write ' + path); } catch (error) { code = error.code; } }
  return { open, code };`,
    [ok({ open: [], code: 'EROFS' })],
    { before: "import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';" },
  ),
  node(
    'A22',
    'looks for the host in /proc',
    `const found = []; let read = 0; const walk = (folder, depth) => { for (const entry of readdirSync(folder)) { const path = folder + '/' + entry;
    if (/^(environ|cmdline|cgroup|mountinfo|mounts|status|maps)$/.test(entry)) { try { const text = readFileSync(path, 'latin1'); read++; for (const marker of event.markers) if (text.includes(marker)) found.push(path + ': ' + marker); } catch {} }
    else if (depth === 0 && /^([0-9]+|self)$/.test(entry)) { try { walk(path, 1); } catch {} } } };
  walk('/proc', 0); return { found, enough: read > 5 };`,
    [ok({ found: [], enough: true })],
    {
      before: "import { readFileSync, readdirSync } from 'node:fs';",
      inUnikernel: [ok({ found: [], enough: false })],
    },
  ),
  node(
    'A23',
    'writes to the kernel',
    `const open = []; for (const path of ['/proc/sys/kernel/core_pattern', '/proc/sys/kernel/modprobe', '/proc/sys/kernel/hostname', '/proc/sys/vm/overcommit_memory', '/proc/sysrq-trigger', '/sys/fs/cgroup/cgroup.procs', '/sys/fs/cgroup/memory/memory.limit_in_bytes', '/sys/kernel/mm/ksm/run']) { try { closeSync(openSync(path, 'r+')); open.push(path); } catch {} }
  try { writeFileSync('/proc/self/oom_score_adj', '-1000'); open.push('oom_score_adj'); } catch {} return { open };`,
    [ok({ open: [] })],
    { before: "import { closeSync, openSync, writeFileSync } from 'node:fs';" },
  ),
  node(
    'A26',
    'connects to the platform, this host, metadata and private networks',
    // Refused at once: nothing waits for an answer that never comes.
    `const isOwn = (host) => /^(localhost|127\\.|::1$|fe80:)/.test(host); const open = []; const silent = []; await Promise.all(event.targets.map(([host, port]) => new Promise((resolve) => { const socket = connect({ host, port, timeout: 5000 }); socket.on('connect', () => { open.push(host + ':' + port); socket.destroy(); resolve(); }); socket.on('error', resolve); socket.on('timeout', () => { silent.push(host); socket.destroy(); resolve(); }); }))); return { open, silent, allButOwn: event.targets.length === silent.length + event.targets.filter(([host]) => isOwn(host)).length && !silent.some(isOwn) };`,
    [ok({ open: [], silent: [] })],
    {
      before: "import { connect } from 'node:net';",
      // QEMU drops what it does not forward, so that only what stays inside is refused at once: loopback, and addresses of a link that it does not have.
      inUnikernel: [ok({ open: [], allButOwn: true })],
    },
  ),
  node(
    'A27',
    'looks for descriptors of others',
    // In a microVM output and channel are devices of its own. Of sockets, and pipes whose other end is elsewhere, it has the channel and nothing more.
    `const links = new Map(); for (const name of readdirSync('/proc/self/fd')) { try { links.set(Number(name), readlinkSync('/proc/self/fd/' + name)); } catch {} }
  const all = [...links.values()]; const strange = all.filter((link) => !/^(socket:|pipe:|anon_inode:|\\/dev\\/(null|urandom|hearth-channel|vport0p\\d)$|\\/proc\\/|\\/app|\\/rt|\\/usr\\/|\\/tmp)/.test(link));
  const leadingOut = [...links].filter(([fd, link]) => fd > 2 && (link.startsWith('socket:') || (link.startsWith('pipe:') && all.filter((other) => other === link).length === 1)));
  return { strange, leadsOutOnce: leadingOut.length <= 1 };`,
    [ok({ strange: [], leadsOutOnce: true })],
    {
      before: "import { readdirSync, readlinkSync } from 'node:fs';",
      inUnikernel: [threw(/ENOENT: no such file or directory, scandir '\/proc\/self\/fd'$/)],
    },
  ),
  node('A31', 'never ends its import', '', [{ status: 504, code: 'init_timeout', detail: /within 500 ms$/ }], {
    module: 'for (;;);',
    config: { initTimeoutMs: 500 },
  }),
];

/** Attacks by raw system calls: the script of the process driver's suite, run as a child of a Python function. */
export const attackScript = readFileSync(join(import.meta.dirname, '../fixtures/drivers/attacks.py'), 'utf8');
