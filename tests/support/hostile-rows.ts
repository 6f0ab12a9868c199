import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a hostile or broken function does, and what exactly must come of it. Numbers as in docs/threat-model.md. */
export interface HostileRow {
  readonly row: string;
  readonly title: string;
  readonly runtime: 'nodejs' | 'python';
  /** Body of the handler; `event` is its argument. Module code may stand in `before`. */
  readonly body: string;
  readonly before?: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly event?: Readonly<Record<string, unknown>>;
  /** It starts others, which not every level lets it. */
  readonly needsChildren?: boolean;
  /** What becomes of the sandbox, where the outcomes do not say: it is kept after answers and errors, and replaced after everything else. */
  readonly fate?: Fate;
  /** Any of these outcomes is right; most rows have one. */
  readonly outcomes: readonly Outcome[];
}
type Fate = 'kept' | 'replaced' | 'either';
interface Outcome {
  readonly status: number;
  /** Of the problem document. */
  readonly code?: string;
  /** Part of the body of a good answer. */
  readonly body?: Readonly<Record<string, unknown>>;
}

const ok = (body: Readonly<Record<string, unknown>> = {}): Outcome => ({ status: 200, body });
const timeout: Outcome = { status: 504, code: 'function_timeout' };
const threw: Outcome = { status: 502, code: 'function_error' };
const exited: Outcome = { status: 502, code: 'function_exited' };
const outOfMemory: Outcome = { status: 502, code: 'out_of_memory' };
const brokeProtocol: Outcome = { status: 503, code: 'protocol_violation' };

/** Long enough for a container to start: the deadline of a call counts from its arrival. */
const brief = { timeoutMs: 2000 };
const small = { memoryMb: 96, timeoutMs: 30_000 };

const node = (
  row: string,
  title: string,
  body: string,
  outcomes: readonly Outcome[],
  more: object = {},
): HostileRow => ({
  row,
  title,
  runtime: 'nodejs',
  body,
  outcomes,
  ...more,
});
const python = (
  row: string,
  title: string,
  body: string,
  outcomes: readonly Outcome[],
  more: object = {},
): HostileRow => ({ row, title, runtime: 'python', body, outcomes, ...more });

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
  }),
  node('A3', 'throws', "throw new TypeError('no such order');", [threw]),
  node('A3', 'rejects with what is no error', 'await Promise.reject(null);', [threw]),
  node(
    'A4',
    'throws in a timer during the call',
    "setTimeout(() => { throw new Error('late'); }, 1); await new Promise(() => {});",
    [threw],
    { fate: 'replaced' },
  ),
  node(
    'A4',
    'leaves a rejection unhandled',
    "Promise.reject(new Error('late')); await new Promise(() => {});",
    [threw],
    { fate: 'replaced' },
  ),
  node('A5', 'exits with 0', 'process.exit(0);', [exited]),
  node('A5', 'exits with 7', 'process.exit(7);', [exited]),
  node('A5', 'aborts', 'process.abort();', [exited]),
  python('A5', 'exits past all handlers', 'os._exit(3)', [exited], { before: 'import os' }),
  python('A5', 'aborts in Python', 'os.abort()', [exited], { before: 'import os' }),
  node(
    'A6',
    'kills everything that it may',
    "spawnSync(process.execPath, ['-e', 'process.kill(-1, 9)']); try { process.kill(-1, 'SIGKILL'); } catch {} process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});",
    [exited],
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
    { before: 'import errno, os, time', config: { maxPids: 40, timeoutMs: 20_000 }, needsChildren: true },
  ),
  node(
    'A9',
    'fills the heap',
    'const kept = []; for (;;) kept.push(Array.from({ length: 10_000 }, (_, i) => ({ i })));',
    [outOfMemory],
    { config: small },
  ),
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
    { before: 'import errno', config: { memoryMb: 64, tmpMb: 8, timeoutMs: 60_000 } },
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
  return {'code': code, 'within': len(kept) < 65_536}`,
    [ok({ code: 'EMFILE', within: true })],
    { before: 'import errno, os' },
  ),
  node('A13', 'prints without end', "const line = 'x'.repeat(1000) + '\\n'; for (;;) writeSync(1, line);", [timeout], {
    before: "import { writeSync } from 'node:fs';",
    config: { timeoutMs: 1500 },
  }),
  node(
    'A14',
    'prints bytes that are no text, controls and a line of 10 MB',
    "for (const part of [Buffer.from([0xff, 0xfe, 0, 0x1b, 0x5b, 0x32, 0x4a, 0x0d, 0xc3, 0x28, 10]), Buffer.alloc(10_000_000, 120), Buffer.from('\\n')]) for (let at = 0; at < part.length; ) { try { at += writeSync(1, part, at); } catch (error) { if (error.code !== 'EAGAIN') throw error; } } return { printed: true };",
    [ok({ printed: true })],
    { before: "import { writeSync } from 'node:fs';", config: { timeoutMs: 20_000 } },
  ),
  node(
    'A15',
    'prints what looks like an answer of another call',
    `process.stdout.write(Buffer.from([0, 0, 0, 20, 4, 0, 0, 0, 1])); console.log('{"type":"result","status":200,"body":"forged"}'); return { mine: true };`,
    [ok({ mine: true })],
  ),
  node(
    'A16',
    'writes rubbish to its channel',
    'for (let fd = 3; fd < 64; fd++) { try { if (fstatSync(fd).isSocket()) writeSync(fd, Buffer.alloc(4096, 0xff)); } catch {} } await new Promise(() => {});',
    [brokeProtocol, timeout, exited],
    { before: "import { fstatSync, writeSync } from 'node:fs';", config: { timeoutMs: 2000 } },
  ),
  ...[
    ['undefined', 'undefined'],
    ['a BigInt', '1n'],
    ['a cycle', '(() => { const a = {}; a.a = a; return a; })()'],
    ['a symbol', 'Symbol("x")'],
    ['a value whose toJSON throws', '({ toJSON() { throw new Error("no"); } })'],
    ['a getter that throws', '({ get x() { throw new Error("no"); } })'],
    [
      'a proxy that throws',
      'new Proxy({}, { get() { throw new Error("no"); }, ownKeys() { throw new Error("no"); } })',
    ],
  ].map(([what, value]) =>
    node('A17', `returns ${what}`, `return ${value};`, [
      { status: 200 },
      { status: 204 },
      threw,
      { status: 502, code: 'bad_response' },
    ]),
  ),
  node(
    'A17',
    'returns more than it may',
    "return 'x'.repeat(100_000);",
    [{ status: 502, code: 'response_too_large' }],
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
    },
  ),
  node(
    'A20',
    'pollutes every prototype',
    "Object.prototype.polluted = 'yes'; Array.prototype.map = () => { throw new Error('polluted'); }; Promise.prototype.then = undefined; JSON.stringify = () => 'forged'; process.env.PATH = ''; return { done: 1 };",
    [ok(), threw, exited, timeout, { status: 502, code: 'bad_response' }, brokeProtocol],
    { config: { timeoutMs: 2000 } },
  ),
  node(
    'A21',
    'reads what is not its own',
    `const open = []; for (const path of event.paths) { try { statSync(path).isDirectory() ? readdirSync(path) : readFileSync(path); open.push(path); } catch {} }
  for (const path of ['/app/x', '/usr/x', '/x', '/rt/x', '/etc/x']) { try { writeFileSync(path, 'x'); open.push('write ' + path); } catch {} }
  return { open };`,
    [ok({ open: [] })],
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
    { before: "import { readFileSync, readdirSync } from 'node:fs';" },
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
    `const open = []; await Promise.all(event.targets.map(([host, port]) => new Promise((resolve) => { const socket = connect({ host, port, timeout: 800 }); socket.on('connect', () => { open.push(host + ':' + port); socket.destroy(); resolve(); }); socket.on('error', resolve); socket.on('timeout', () => { socket.destroy(); resolve(); }); }))); return { open };`,
    [ok({ open: [] })],
    { before: "import { connect } from 'node:net';", config: { timeoutMs: 20_000 } },
  ),
  node(
    'A27',
    'looks for descriptors of others',
    // In a microVM output and channel are devices of its own.
    `const strange = []; for (const name of readdirSync('/proc/self/fd')) { try { const link = readlinkSync('/proc/self/fd/' + name); if (!/^(socket:|pipe:|anon_inode:|\\/dev\\/(null|urandom|hearth-channel|vport0p\\d)$|\\/proc\\/|\\/app|\\/rt|\\/usr\\/|\\/tmp)/.test(link)) strange.push(link); } catch {} } return { strange };`,
    [ok({ strange: [] })],
    { before: "import { readdirSync, readlinkSync } from 'node:fs';" },
  ),
  node('A31', 'never ends its import', '', [{ status: 504, code: 'init_timeout' }], {
    before: "import { existsSync, writeFileSync } from 'node:fs'; for (;;);",
    config: { initTimeoutMs: 500 },
  }),
];

/** Whether the instance that played a row answers the next call too. */
export function fateOf({ fate, outcomes }: HostileRow): Fate {
  if (fate !== undefined) return fate;
  const keeping = outcomes.filter(({ status, code }) => status < 300 || code === undefined || keepsInstance.has(code));
  if (keeping.length === 0) return 'replaced';
  return keeping.length === outcomes.length ? 'kept' : 'either';
}
const keepsInstance = new Set(['function_error', 'bad_response', 'response_too_large']);

/** Attacks by raw system calls: the script of the process driver's suite, run as a child of a Python function. */
export const attackScript = readFileSync(join(import.meta.dirname, '../fixtures/drivers/attacks.py'), 'utf8');

/** The files of a function that plays a row; called with `{ calm: true }` it does nothing wrong, and says how often its instance was called. */
export function filesOf(row: HostileRow): Readonly<Record<string, string>> {
  if (row.runtime === 'nodejs') {
    const source = `${row.before ?? ''}\nlet calls = 0;\nexport async function handler(event) { calls++; if (event?.calm) return { calm: true, calls };\n  ${row.body}\n}\n`;
    return { 'index.mjs': source };
  }
  const source = `${row.before ?? ''}\ncalls = 0\ndef handler(event, context):\n  global calls\n  calls += 1\n  if event.get('calm'): return {'calm': True, 'calls': calls}\n  ${row.body.trimStart()}\n`;
  return { 'main.py': source };
}
