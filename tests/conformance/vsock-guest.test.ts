import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RuntimePlan } from '../../backend/core/ports/runtime-adapter.ts';
import { writeCpio } from '../../backend/execution-engine/drivers/support/guest/cpio.ts';
import { GuestControl } from '../../backend/execution-engine/drivers/support/guest/guest-control.ts';
import { guestPorts } from '../../backend/execution-engine/drivers/support/guest/guest-init.ts';
import { GuestStore } from '../../backend/execution-engine/drivers/support/guest/guest-store.ts';
import { kernelArguments } from '../../backend/execution-engine/drivers/support/guest/kernel-arguments.ts';
import { findKernel, guestModules } from '../../backend/execution-engine/drivers/support/guest/kernel-source.ts';
import { PythonAdapter } from '../../backend/execution-engine/runtimes/python/adapter.ts';
import { emulatedMachine, whyNoQemu } from '../support/qemu-programs.ts';
import { skippedFor } from '../support/skip-reason.ts';
import { BodyClient } from './driver-body.ts';

const reason = whyNoQemu();
const fixtures = join(import.meta.dirname, '../fixtures');
const limits = { memoryMb: 256, cpus: 1, maxPids: 48, tmpMb: 8, egress: 'none' } as const;
const bootMs = 240_000;

/**
 * What Firecracker's guests do over vsock, with a real kernel and no KVM: QEMU has no vsock without the host's help, so the guest's kernel loops its calls back, and
 * a program in the guest passes them on to virtio-serial.
 */
describe.skipIf(reason !== undefined)(`a guest that talks over vsock${skippedFor(reason)}`, { retry: 1 }, () => {
  let directory: string;
  let qemu: ChildProcess | undefined;
  const sockets: Record<string, Socket> = {};
  const exit = Promise.withResolvers<{ readonly status: number; readonly oomKills: number }>();
  let control: GuestControl;
  let body: BodyClient;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hearth-vsock-'));
    const store = new GuestStore({ directory: join(tmpdir(), 'hearth-test-guests'), transport: 'vsock' });
    const boot = await store.boot(planOf(), limits);
    const code = join(directory, 'code');
    mkdirSync(code);
    writeFileSync(join(code, 'index.js'), 'exports.a = 1', { mode: 0o600 });
    const image = await store.code({
      digest: 'vsock-test' as never,
      directory: code,
      sizeBytes: 1,
      fileCount: 1,
    });
    const initrd = join(directory, 'initrd');
    writeFileSync(initrd, Buffer.concat([readFileSync(boot.initrd), await loopback()]));
    const append = kernelArguments({ root: '/dev/vda', code: '/dev/vdb', hasCode: false, isEmulated: true });
    const ports = Object.entries(guestPorts);
    qemu = spawn(
      'qemu-system-x86_64',
      [
        ...[...emulatedMachine, '-m', '512M', '-serial', 'stdio'],
        ...['-kernel', boot.kernel, '-initrd', initrd, '-append', `${append} rdinit=/looped`],
        ...['-device', 'virtio-serial-device,max_ports=5'],
        ...ports.flatMap(([name, number]) => [
          ...['-chardev', `socket,id=${name},path=${join(directory, name)},server=on,wait=off`],
          ...['-device', `virtserialport,chardev=${name},nr=${number},name=hearth.${name}`],
        ]),
        ...[boot.root, image.path].flatMap((file, index) => [
          ...['-drive', `if=none,id=d${index},file=${file},format=raw,readonly=on`],
          ...['-device', `virtio-blk-device,drive=d${index}`],
        ]),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    qemu.stdout?.resume();
    for (const [name] of ports) sockets[name] = await connectSoon(join(directory, name));
    const exited = (status: number, oomKills: number) => exit.resolve({ status, oomKills });
    control = new GuestControl(socketOf('control'), { exited }, { transport: 'vsock' });
    await control.started;
  }, bootMs);
  afterAll(async () => {
    const ended = new Promise((resolve) => qemu?.once('exit', resolve));
    if (qemu?.kill('SIGKILL') === true) await ended;
    rmSync(directory, { recursive: true, force: true });
  });

  const socketOf = (name: string): Socket => {
    const socket = sockets[name];
    if (socket === undefined) throw new Error(`nobody is connected to ${name}`);
    return socket;
  };

  it(
    'calls anew when its calls break while its function stands still, as after a snapshot',
    async () => {
      body = new BodyClient(socketOf('channel'));
      await body.ready();
      await control.freeze();
      // To the fixture, not to the guest.
      socketOf('control').write('break\n');
      await control.settle();
      expect(await control.usage()).toMatchObject({ pids: expect.any(Number) });
      const told = new Promise((resolve) => socketOf('stdout').once('data', (chunk) => resolve(String(chunk))));
      await body.command('print', { stream: 'stdout', text: 'after\n' });
      expect(await told).toBe('after\n');
    },
    bootMs,
  );

  it(
    'has channel, output, code that comes late, usage, and the way it ended',
    async () => {
      await control.loadCode();
      expect(await body.command('read', { path: '/app/index.js' })).toBe('exports.a = 1');
      expect(await control.usage()).toMatchObject({ pids: expect.any(Number) });
      const told = ['stdout', 'stderr'].map(
        async (name) => await new Promise((resolve) => socketOf(name).once('data', (chunk) => resolve(String(chunk)))),
      );
      await body.command('print', { stream: 'stdout', text: 'one\n' });
      await body.command('print', { stream: 'stderr', text: 'two\n' });
      expect(await Promise.all(told)).toEqual(['one\n', 'two\n']);
      body.command('memory', { mb: 400 }).catch(() => undefined);
      expect(await exit.promise).toEqual({ status: 137, oomKills: expect.any(Number) });
      expect((await exit.promise).oomKills).toBeGreaterThan(0);
    },
    bootMs,
  );
});

/** The program of the driver suite, and Python for the one that passes calls on. */
function planOf(): RuntimePlan {
  const body = join(fixtures, 'drivers/body.cjs');
  const python = new PythonAdapter({ pythonPath: '/usr/bin/python3', agentPath: body }).plan(limits);
  const toolchain = [
    ...python.toolchain,
    { hostPath: process.execPath, guestPath: '/usr/bin/node' },
    { hostPath: join(fixtures, 'firecracker/vsock-loop.py'), guestPath: '/rt/vsock-loop.py' },
    { hostPath: String(python.argv[0]), guestPath: '/usr/bin/python-of-test' },
  ];
  const agent = { hostPath: body, guestPath: '/rt/body.cjs' };
  return { runtime: 'nodejs', argv: ['/usr/bin/node', '/rt/body.cjs'], env: {}, agent, toolchain };
}

/** What comes before init: modules for both ends, and the program that passes calls on. */
async function loopback(): Promise<Buffer> {
  const source = await findKernel('', tmpdir());
  const entries = [...(await guestModules(source, 'vsock')), ...(await guestModules(source, 'serial'))];
  const files = entries.filter((entry) => entry.kind === 'file' && entry.path !== 'modules/list');
  // With the transport to a host that is not there, the kernel would not loop calls to the host back.
  const names = [...new Set(files.map((entry) => entry.path.slice('modules/'.length)))].filter(
    (name) => name !== 'vmw_vsock_virtio_transport.ko',
  );
  const loop = join(String(source.modules), 'kernel/net/vmw_vsock/vsock_loopback.ko');
  if (!existsSync(loop)) throw new Error(`there is no ${loop}`);
  const text = (path: string, lines: readonly string[]) =>
    ({ kind: 'file', path, mode: 0o600, bytes: Buffer.from(lines.map((line) => `${line}\n`).join('')) }) as const;
  return writeCpio([
    ...files,
    { kind: 'file', path: 'modules/vsock_loopback.ko', mode: 0o600, bytes: readFileSync(loop) },
    text('modules/looped', [...names, 'vsock_loopback.ko']),
    text('modules/list', []),
    { kind: 'file', path: 'looped', mode: 0o700, bytes: readFileSync(join(fixtures, 'firecracker/looped.sh')) },
  ]);
}

async function connectSoon(path: string): Promise<Socket> {
  for (;;) {
    if (existsSync(path)) {
      const socket = connect(path);
      const isThere = await new Promise((resolve) =>
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
      );
      if (isThere === true) return socket.on('error', () => undefined);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
