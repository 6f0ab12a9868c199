import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { AgentConnection } from '../../backend/execution-engine/protocol/agent-connection.ts';
import { agentRigs, httpRequest, wallClock } from '../support/nodejs-agent-rig.ts';
import { skippedFor } from '../support/skip-reason.ts';

afterEach(() => agentRigs.closeAll());

const errorOf = (answer: { readonly result: { readonly outcome: unknown } }) => answer.result.outcome;

describe('an agent that was started ahead of its version', () => {
  const tell = `export const handler = () => ({ cwd: process.cwd(), argv: process.argv.length, script: process.argv[1],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME, handler: process.env._HANDLER });`;

  // Right away, in the middle of what it rehearses, and when all of it is over.
  it.each([0, 30, 60, 600])('loads it like any other after %i ms', async (waitedMs) => {
    const rig = await agentRigs.start({ 'index.mjs': tell }, [], { HEARTH_WAITS: '1' });
    await sleep(waitedMs);
    await rig.init();
    expect(await rig.event(1)).toEqual({
      cwd: rig.directory,
      argv: 2,
      script: join(rig.directory, 'index.mjs'),
      functionName: 'echo',
      handler: 'index.handler',
    });
  });

  it.each([{}, { HEARTH_WAITS: '1' }])(
    'rehearses if it waits for its version, and only then (%o)',
    async (environment) => {
      const place = mkdtempSync(join(tmpdir(), 'hearth-hook-'));
      try {
        const lives = join(place, 'lives');
        writeFileSync(lives, '');
        writeFileSync(
          join(place, 'hook.cjs'),
          `const fs = require('node:fs'), { mkdtempSync } = fs;
        fs.mkdtempSync = (...words) => { fs.appendFileSync(${JSON.stringify(lives)}, 'x'); return mkdtempSync(...words); };`,
        );
        const rig = await agentRigs.start({ 'index.mjs': tell }, ['--require', join(place, 'hook.cjs')], environment);
        // Answered when all that it rehearses is over.
        await rig.connection.beforeSnapshot();
        expect(readFileSync(lives, 'utf8')).toBe('HEARTH_WAITS' in environment ? 'xxxx' : '');
      } finally {
        rmSync(place, { recursive: true });
      }
    },
  );

  it('rehearses once more in a copy that waits, and loads it like any other', async () => {
    const place = mkdtempSync(join(tmpdir(), 'hearth-hook-'));
    const hook = join(place, 'hook.cjs');
    const telling = `const fs = require('node:fs'), { mkdtempSync } = fs;
      fs.mkdtempSync = (...words) => { fs.writeSync(2, 'life;'); return mkdtempSync(...words); };`;
    writeFileSync(hook, telling);
    const rig = await agentRigs.start({ 'index.mjs': tell }, ['--require', hook]);
    rmSync(place, { recursive: true });
    const lives = (): number => rig.stderr.split('life;').length - 1;
    await rig.connection.beforeSnapshot();
    const before = lives();
    await rig.connection.afterRestore({ nowMs: Date.now(), entropy: Buffer.alloc(64, 1) });
    while (lives() === before) await sleep(5);
    await rig.init();
    expect(await rig.event(1)).toMatchObject({ cwd: rig.directory, functionName: 'echo' });
  });

  it('goes through its start in a copy that nobody needs yet, says nothing of it, and starts like any other', async () => {
    const place = mkdtempSync(join(tmpdir(), 'hearth-hook-'));
    const hook = join(place, 'hook.cjs');
    const telling = `const { writeSync } = require('node:fs');
      const crypto = require('node:crypto'), { randomBytes } = crypto;
      crypto.randomBytes = (...words) => { writeSync(2, 'drawn;'); return randomBytes(...words); };`;
    writeFileSync(hook, telling);
    const rig = await agentRigs.start({ 'index.mjs': tell }, ['--require', hook]);
    rmSync(place, { recursive: true });
    const draws = (): number => rig.stderr.split('drawn;').length - 1;
    await rig.connection.beforeSnapshot();
    const before = draws();
    while (draws() === before) await sleep(5);
    await rig.connection.afterRestore({ nowMs: Date.now(), entropy: Buffer.alloc(64, 1) });
    await rig.init();
    expect(await rig.event(1)).toMatchObject({ cwd: rig.directory, functionName: 'echo' });
    expect(rig.events).toEqual([]);
  });
});

describe('what a function may do to itself', () => {
  it.each([
    ['an unhandled rejection', 'Promise.reject(new TypeError("lost")); await new Promise(() => {});', 'TypeError'],
    [
      'an exception from a timer',
      'setTimeout(() => { throw new RangeError("lost"); }, 5); await new Promise(() => {});',
      'RangeError',
    ],
  ])('%s fails its own call and ends the instance', async (_name, code, type) => {
    const rig = await agentRigs.started(
      `export const handler = async (own) => { if (own) { ${code} } await new Promise(() => {}); };`,
    );
    const run = (own: boolean) => rig.invoke({ request: { kind: 'event', body: Buffer.from(String(own)) } });
    const other = run(false);
    expect(errorOf(await run(true))).toMatchObject({ kind: 'function-error', type, message: 'lost' });
    expect(errorOf(await other)).toMatchObject({ kind: 'function-fault', fault: 'exited' });
    expect(await rig.exited()).toBe(1);
    expect(rig.events).toEqual(['exiting']);
    expect(rig.closed).toHaveLength(1);
  });

  it('an error between calls is logged with the call before it and ends the instance', async () => {
    const rig = await agentRigs.started(
      'export const handler = () => { setTimeout(() => { throw new Error("afterwards"); }, 30); };',
    );
    const { call } = rig.call();
    expect((await rig.connection.invoke(call)).outcome.kind).toBe('success');
    expect(await rig.exited()).toBe(1);
    expect(rig.logs).toMatchObject([
      { level: 'error', invocationId: call.invocation.id, text: expect.stringContaining('Error: afterwards') },
    ]);
  });

  it('may handle such errors itself', async () => {
    const rig =
      await agentRigs.started(`process.on('uncaughtException', (e) => console.log('own', e.message)); process.on('unhandledRejection', (e) => console.log('own', e.message));
      export const handler = async () => { setTimeout(() => { throw new Error('a'); }, 1); Promise.reject(new Error('b')); await new Promise((d) => setTimeout(d, 30)); return 1; };`);
    expect(await rig.event(1)).toBe(1);
    expect(rig.logs.map((line) => line.text).sort()).toEqual(['own a', 'own b']);
  });

  it.each([
    ['process.exit(0)', 0],
    ['process.exit(7)', 7],
    ['process.kill(process.pid, "SIGKILL")', 'SIGKILL'],
    ['process.abort()', 'SIGABRT'],
    ['require("node:fs").closeSync(3)', undefined],
  ])('%s is an exit, known before the deadline, with its last words', async (code, exit) => {
    const rig = await agentRigs.started({
      'index.cjs': `exports.handler = () => { console.log('last words'); ${code}; return new Promise(() => {}); };`,
    });
    // At its deadline it would be a timeout.
    const { result } = await rig.invoke({ timeoutMs: 20_000 });
    expect(result.outcome).toMatchObject({ kind: 'function-fault', fault: 'exited' });
    if (exit !== undefined) expect(await rig.exited()).toBe(exit);
    if (typeof exit === 'number') expect(rig.logs.map((line) => line.text)).toEqual(['last words']);
  });

  it('polluted globals hurt only the function', async () => {
    const rig = await agentRigs.started(`export const handler = async (event) => {
      Object.prototype.headers = ['x', 'y']; Object.prototype.status = 500; Object.prototype.toString = () => { throw 1; };
      JSON.stringify = () => { throw new Error('mine'); }; JSON.parse = () => 'mine'; Date.now = () => 0; performance.now = () => 0;
      globalThis.setImmediate = () => {}; globalThis.Buffer = undefined; globalThis.Error = undefined; process.exit = () => {}; process.cpuUsage = () => { throw 1; };
      Array.prototype.push = () => { throw 1; }; console.log = undefined; globalThis.AbortController = undefined; Promise.prototype.then = undefined ?? Promise.prototype.then;
      return { ok: event }; };`);
    for (const n of [1, 2, 3]) expect(await rig.event(n)).toEqual({ ok: n });
    expect(rig.violations).toEqual([]);
  });

  it('drains: finishes what runs, then exits 0', async () => {
    const rig = await agentRigs.started(
      `export const handler = () => new Promise((done) => setTimeout(() => { console.log('finished'); done('ok'); }, 60));`,
    );
    const running = rig.invoke();
    rig.connection.drain();
    expect((await running).result.outcome.kind).toBe('success');
    expect(await rig.exited()).toBe(0);
    expect(rig.logs.map((line) => line.text)).toEqual(['finished']);
  });

  it('answers snapshots and takes the new time and entropy', async () => {
    const rig = await agentRigs.started(
      `export const handler = (e, c) => [Math.random(), c.getRemainingTimeInMillis()];`,
    );
    await rig.connection.beforeSnapshot();
    const draw = async (fill: number) => {
      const sentMs = Date.now();
      await rig.connection.afterRestore({ nowMs: sentMs + 5000, entropy: Buffer.alloc(64, fill) });
      const onItsWayMs = Date.now() - sentMs;
      return [...((await rig.event(null, { timeoutMs: 10_000 })) as [number, number]), onItsWayMs] as const;
    };
    const [first, left, onItsWayMs] = await draw(1);
    const [second] = await draw(2);
    expect(first).not.toBe(second);
    expect((await draw(1))[0]).toBe(first);
    // Both sides know their time to the millisecond only.
    expect(left).toBeLessThanOrEqual(5001 + onItsWayMs);
    expect(await rig.connection.ping()).toBeGreaterThan(0);
  });

  it('sends nothing between the two frames of a snapshot, and what it had to say afterwards', async () => {
    const rig = await agentRigs.started(
      `let n = 0; setInterval(() => console.log(n++), 1); export const handler = () => n;`,
    );
    const taken = async (count: number): Promise<void> => {
      while (rig.logs.length < count) await new Promise((done) => setTimeout(done, 2));
    };
    await taken(1);
    await rig.connection.beforeSnapshot();
    const held = rig.logs.length;
    await new Promise((done) => setTimeout(done, 40));
    expect(rig.logs.length).toBe(held);
    await rig.connection.afterRestore({ nowMs: Date.now(), entropy: Buffer.alloc(64, 1) });
    await taken(held + 5);
    expect(rig.logs.map((line) => line.text)).toEqual(rig.logs.map((_line, index) => String(index)));
  });
});

describe('forged frames', () => {
  const header = (length: number, type: number, id: number) => {
    const bytes = Buffer.alloc(12);
    bytes.writeUInt32BE(length, 0);
    bytes[4] = type;
    bytes[5] = type === 7 ? 1 : 0;
    bytes.writeUInt32BE(id, 8);
    return bytes.toString('base64');
  };
  it.each([
    ['a wrong id', header(0, 6, 999)],
    ['an unknown type', header(0, 99, 1)],
    ['4 GiB', header(0xffff_ffff, 7, 1)],
    ['bad JSON', Buffer.concat([Buffer.from(header(4, 6, 1), 'base64'), Buffer.from('oops')]).toString('base64')],
    ['a second READY', Buffer.concat([Buffer.from(header(2, 3, 0), 'base64'), Buffer.from('{}')]).toString('base64')],
  ])('%s on fd 3 kills this instance alone', async (_name, bytes) => {
    const rig = await agentRigs.started({
      'index.cjs': `exports.handler = () => { require('node:fs').writeSync(3, Buffer.from('${bytes}', 'base64')); return new Promise(() => {}); };`,
    });
    expect((await rig.invoke()).result.outcome).toMatchObject({
      kind: 'platform-fault',
      fault: 'protocol',
      retryable: false,
    });
    expect(rig.violations).toHaveLength(1);
    expect(rig.closed).toMatchObject([{ cause: 'violation' }]);
  });

  it('half a frame only breaks what follows, and a million frames end the instance quickly', async () => {
    const half = await agentRigs.started({
      'index.cjs': `exports.handler = () => { require('node:fs').writeSync(3, Buffer.from([0, 0, 16, 0, 7])); return new Promise(() => {}); };`,
    });
    expect((await half.invoke({ timeoutMs: 200 })).result.outcome.kind).not.toBe('success');
    const flood = await agentRigs.started({
      'index.cjs': `exports.handler = () => { const fs = require('node:fs'); const frame = Buffer.from('${header(4, 11, 1)}', 'base64'); const all = Buffer.concat(Array.from({ length: 5000 }, () => Buffer.concat([frame, Buffer.alloc(4)])));
        for (let i = 0; i < 200; i++) for (let at = 0; at < all.length;) { try { at += fs.writeSync(3, all, at); } catch (e) { if (e.code !== 'EAGAIN') throw e; } } return new Promise(() => {}); };`,
    });
    expect((await flood.invoke()).result.outcome).toMatchObject({ kind: 'platform-fault', fault: 'protocol' });
  });
});

/** Starts the agent on a pseudo terminal and passes its bytes on to a TCP port. */
const serialRelay = `
import os, pty, select, socket, subprocess, sys, tty
master, slave = pty.openpty()
tty.setraw(slave)
host = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
child = subprocess.Popen(sys.argv[2:], env={'HEARTH_CHANNEL': 'serial:' + os.ttyname(slave)})
while child.poll() is None:
    ready = select.select([master, host], [], [], 0.05)[0]
    if master in ready: host.sendall(os.read(master, 65536))
    if host in ready:
        data = host.recv(1024)
        if not data: child.kill()
        else: os.write(master, data)
sys.exit(child.wait())
`;

describe('channels', () => {
  it.each(['unix', 'tcp'])('connects over %s', async (kind) => {
    const directory = await mkdtemp(join(tmpdir(), 'hearth-channel-'));
    const server = createServer();
    const path = join(directory, 'agent.sock');
    await new Promise<void>((resolve) => {
      if (kind === 'unix') server.listen(path, resolve);
      else server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    const channel = typeof address === 'string' ? `unix:${address}` : `tcp:127.0.0.1:${address?.port}`;
    const agent = join(import.meta.dirname, '../../dist/guest/nodejs/agent.cjs');
    const child = spawn(process.execPath, [agent], { stdio: 'ignore', env: { HEARTH_CHANNEL: channel } });
    const [stream] = (await once(server, 'connection')) as [Socket];
    const connection = new AgentConnection({ stream, clock: wallClock });
    expect(await connection.open()).toMatchObject({
      protocol: 1,
      runtime: 'nodejs',
      runtimeVersion: process.version,
      pid: child.pid,
    });
    const gone = once(child, 'exit');
    connection.drain();
    expect(await gone).toEqual([0, null]);
    server.close();
    await rm(directory, { recursive: true, force: true });
  });

  const pythonNeeded = existsSync('/usr/bin/python3') ? undefined : 'there is no /usr/bin/python3';
  it.skipIf(pythonNeeded !== undefined)(
    `talks over a serial device, and exits although nobody writes to it${skippedFor(pythonNeeded)}`,
    async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const agent = join(import.meta.dirname, '../../dist/guest/nodejs/agent.cjs');
      const relay = spawn('/usr/bin/python3', ['-c', serialRelay, String(port), process.execPath, agent], {
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      const [stream] = (await once(server, 'connection')) as [Socket];
      const connection = new AgentConnection({ stream, clock: wallClock });
      expect(await connection.open()).toMatchObject({ runtime: 'nodejs' });
      expect(await connection.ping()).toBeGreaterThan(0);
      const closed = once(relay, 'close');
      connection.drain();
      expect(await closed).toEqual([0, null]);
      connection.close('test over');
      server.close();
    },
  );

  it.each([
    [undefined, 'HEARTH_CHANNEL is not set'],
    ['pigeon:7', 'it must be fd:3, unix:/path'],
  ])('says what is wrong with the channel %s', async (channel, message) => {
    const agent = join(import.meta.dirname, '../../dist/guest/nodejs/agent.cjs');
    const child = spawn(process.execPath, [agent], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: channel === undefined ? {} : { HEARTH_CHANNEL: channel },
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const [code] = await once(child, 'close');
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
  });

  it('ends with the host', async () => {
    const rig = await agentRigs.started('export const handler = () => 1; setInterval(() => {}, 1000);');
    const exited = rig.exited();
    rig.connection.close('the host goes');
    expect(await exited).toBe(69);
  });

  it('loads what fetch needs while it waits for a version', async () => {
    const rig = await agentRigs.start({ 'index.mjs': 'export default () => new Response("x");' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await rig.init()).style).toBe('fetch');
    expect((await rig.invoke({ request: httpRequest() })).body.toString()).toBe('x');
  });
});
