import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serveApi } from '../../../../../tests/fixtures/firecracker/api-server.ts';
import { FakeMicrovm, type Machinery } from '../../../../../tests/fixtures/firecracker/microvm.ts';
import { FirecrackerSpec, whyNoSpec } from '../../../../../tests/support/firecracker-spec.ts';
import { skippedFor } from '../../../../../tests/support/skip-reason.ts';
import { FirecrackerClient } from './client.ts';

let directory: string;
let socketPath: string;
let server: Server | undefined;
let client: FirecrackerClient;
const done: string[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fc-api-'));
  socketPath = join(directory, 'api.sock');
  client = new FirecrackerClient(socketPath);
  done.length = 0;
});
afterEach(() => {
  client.close();
  server?.closeAllConnections();
  server?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Remembers what the state machine let happen. */
const machinery: Machinery = {
  start: (config) => Promise.resolve(void done.push(`start ${[...config.keys()].sort().join(' ')}`)),
  pause: () => Promise.resolve(void done.push('pause')),
  resume: () => Promise.resolve(void done.push('resume')),
  updateDrive: (id, path) => Promise.resolve(void done.push(`drive ${id} ${path}`)),
  snapshot: (_, body) => Promise.resolve(void done.push(`snapshot ${body['snapshot_type']}`)),
  load: (body) => {
    if (body['snapshot_path'] === '/broken') return Promise.reject(new Error('Failed to load microVM state: CRC'));
    done.push('load');
    return Promise.resolve(new Map());
  },
  balloonStatistics: (target_mib) => ({ target_mib, actual_mib: 0, target_pages: 0, actual_pages: 0, oom_kill: 2 }),
  openSink: (path, kind) => void done.push(`${kind} ${path}`),
  flushMetrics: () => void done.push('flush'),
  die: (code) => void done.push(`die ${code}`),
};

async function serve(): Promise<void> {
  server = serveApi(socketPath, new FakeMicrovm({ id: 'vm-1', version: '1.16.1', machinery }));
  await once(server, 'listening');
}

/** Every request that configures a guest, with every field that the driver uses. */
async function configure(): Promise<void> {
  const limiter = {
    bandwidth: { size: 1_000_000, refill_time: 100, one_time_burst: 5_000_000 },
    ops: { size: 1000, refill_time: 100 },
  };
  await client.setLogger({ log_path: '/log', level: 'Warning', show_level: true, show_log_origin: false });
  await client.setMetrics({ metrics_path: '/metrics' });
  await client.setMachine({ vcpu_count: 2, mem_size_mib: 256, smt: false, track_dirty_pages: true });
  await client.setBootSource({ kernel_image_path: '/vmlinux', initrd_path: '/initrd', boot_args: 'reboot=k panic=1' });
  const drive = { path_on_host: '/root.erofs', is_root_device: false, is_read_only: true } as const;
  await client.addDrive({ drive_id: 'root', ...drive, cache_type: 'Unsafe', io_engine: 'Sync' });
  await client.addDrive({ drive_id: 'code', ...drive, rate_limiter: limiter });
  await client.setVsock({ guest_cid: 3, uds_path: '/v.sock' });
  await client.setEntropy({ rate_limiter: { bandwidth: { size: 65_536, refill_time: 100 } } });
  await client.setBalloon({ amount_mib: 0, deflate_on_oom: true, stats_polling_interval_s: 1 });
  await client.addNetworkInterface({
    iface_id: 'eth0',
    host_dev_name: 'tap0',
    guest_mac: '06:00:00:00:00:01',
    rx_rate_limiter: limiter,
    tx_rate_limiter: limiter,
  });
}

describe(`Firecracker's API${skippedFor(whyNoSpec())}`, () => {
  it.skipIf(whyNoSpec() !== undefined)(
    `is spoken as firecracker.yaml describes it${skippedFor(whyNoSpec())}`,
    async () => {
      await serve();
      expect((await client.describe()).state).toBe('Not started');
      await configure();
      await client.start();
      await client.updateDrive({ drive_id: 'code', path_on_host: '/code.erofs', rate_limiter: {} });
      await client.inflateBalloon(32);
      expect(await client.balloonStatistics()).toMatchObject({ target_mib: 32, oom_kill: 2 });
      await client.flushMetrics();
      await client.pause();
      expect((await client.describe()).state).toBe('Paused');
      await client.createSnapshot({ snapshot_path: '/s', mem_file_path: '/m', snapshot_type: 'Full' });
      await client.createSnapshot({ snapshot_path: '/s', mem_file_path: '/m', snapshot_type: 'Diff' });
      await client.resume();
      expect(done).toEqual([
        'logger /log',
        'metrics /metrics',
        'start /balloon /boot-source /drives/code /drives/root /entropy /logger /machine-config /metrics /network-interfaces/eth0 /vsock',
        'drive code /code.erofs',
        'flush',
        'pause',
        'snapshot Full',
        'snapshot Diff',
        'resume',
      ]);
    },
  );

  it.skipIf(whyNoSpec() !== undefined)(
    `is checked for unknown fields, types and paths${skippedFor(whyNoSpec())}`,
    () => {
      const spec = new FirecrackerSpec();
      const machine = { vcpu_count: 1, mem_size_mib: 128 };
      expect(spec.requestIssues('PUT', '/machine-config', machine)).toEqual([]);
      expect(spec.requestIssues('PUT', '/machine-config', { ...machine, vcpus: 1 })).toHaveLength(1);
      expect(spec.requestIssues('PUT', '/machine-config', { vcpu_count: 33, mem_size_mib: 128 })).toHaveLength(1);
      expect(spec.requestIssues('PUT', '/machine-config', { vcpu_count: 1 })).toHaveLength(1);
      const bucket = { size: 1, refill_time: '100' };
      const drive = { drive_id: 'a', is_root_device: false, rate_limiter: { ops: bucket } };
      expect(spec.requestIssues('PUT', '/drives/a', drive)).toHaveLength(1);
      expect(spec.requestIssues('DELETE', '/drives/a', undefined)).toHaveLength(1);
      expect(spec.requestIssues('PUT', '/action', { action_type: 'InstanceStart' })).toHaveLength(1);
      expect(spec.requestIssues('GET', '/', {})).toHaveLength(1);
      expect(spec.requestIssues('PUT', '/vsock', undefined)).toHaveLength(1);
    },
  );

  it('loads a snapshot into a fresh process only', async () => {
    await serve();
    await client.setLogger({ log_path: '/log' });
    const backend = { backend_type: 'File', backend_path: '/m' } as const;
    await client.loadSnapshot({ snapshot_path: '/s', mem_backend: backend, resume_vm: true, track_dirty_pages: true });
    expect((await client.describe()).state).toBe('Running');
    expect(done).toEqual(['logger /log', 'load', 'resume']);
    await expect(client.loadSnapshot({ snapshot_path: '/s', mem_backend: backend })).rejects.toMatchObject({
      code: 'firecracker_wrong_state',
    });
  });

  it('loads no snapshot after other settings, and ends when a snapshot is broken', async () => {
    await serve();
    const snapshot = { snapshot_path: '/broken', mem_backend: { backend_type: 'Uffd', backend_path: '/u' } } as const;
    await expect(client.loadSnapshot(snapshot)).rejects.toMatchObject({ code: 'firecracker_snapshot_broken' });
    await client.describe();
    expect(done[0]).toBe('die 1');
    await client.setMachine({ vcpu_count: 1, mem_size_mib: 128 });
    await expect(client.loadSnapshot({ ...snapshot, snapshot_path: '/s' })).rejects.toThrow(
      /not allowed after configuring/,
    );
  });

  it('tells what came at the wrong time', async () => {
    await serve();
    for (const tooEarly of [
      () => client.pause(),
      () => client.createSnapshot({ snapshot_path: '/s', mem_file_path: '/m' }),
      () => client.balloonStatistics(),
      () => client.flushMetrics(),
      () => client.updateDrive({ drive_id: 'code', path_on_host: '/x' }),
    ]) {
      await expect(tooEarly()).rejects.toMatchObject({ kind: 'unavailable', code: 'firecracker_wrong_state' });
    }
    await expect(client.start()).rejects.toMatchObject({ code: 'firecracker_bad_kernel' });
    await client.setBootSource({ kernel_image_path: '/vmlinux' });
    await client.start();
    for (const tooLate of [
      () => client.setMachine({ vcpu_count: 1, mem_size_mib: 128 }),
      () => client.addDrive({ drive_id: 'a', path_on_host: '/a', is_root_device: false, is_read_only: true }),
      () => client.start(),
    ]) {
      await expect(tooLate()).rejects.toMatchObject({ code: 'firecracker_wrong_state' });
    }
    await expect(client.createSnapshot({ snapshot_path: '/s', mem_file_path: '/m' })).rejects.toThrow(
      /unavailable while running/,
    );
    await client.resume();
    await client.pause();
    await client.pause();
    expect(done.slice(1)).toEqual(['pause']);
  });

  it('is given up when the caller gives up, and says when nobody answers', async () => {
    await expect(client.describe()).rejects.toMatchObject({ code: 'firecracker_gone' });
    await expect(client.describe(AbortSignal.abort())).rejects.toMatchObject({ code: 'aborted' });
    server = createServer(() => undefined).listen(socketPath);
    await once(server, 'listening');
    const soon = new AbortController();
    const asked = client.start(soon.signal);
    await once(server, 'request');
    soon.abort();
    await expect(asked).rejects.toMatchObject({ code: 'aborted' });
    const lost = client.start();
    const [, response] = (await once(server, 'request')) as [unknown, { destroy(): void }];
    response.destroy();
    await expect(lost).rejects.toMatchObject({ code: 'firecracker_gone' });
  });

  it('names the fix for what Firecracker says', async () => {
    const said = [
      ['No space left on device (os error 28)', 'firecracker_disk_full'],
      ['Error creating KVM object: Permission denied (os error 13)', 'firecracker_no_kvm'],
      ['Cannot create snapshot: Cannot allocate memory (os error 12)', 'firecracker_no_memory'],
      ['something new', 'firecracker_refused'],
    ] as const;
    server = createServer((request, response) => {
      const index = Number(request.url?.split('/').at(-1));
      response.writeHead(400).end(JSON.stringify({ fault_message: said[index]?.[0] }));
    }).listen(socketPath);
    await once(server, 'listening');
    for (const [index, [, code]] of said.entries()) {
      const drive = { drive_id: String(index), path_on_host: '/x', is_root_device: false, is_read_only: true };
      await expect(client.addDrive(drive)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(said[index]?.[0] ?? ''),
      });
    }
  });
});

const real = process.env['HEARTH_TEST_FIRECRACKER'] ?? '';
const whyNotReal = real === '' ? 'HEARTH_TEST_FIRECRACKER names no firecracker' : undefined;

it.skipIf(whyNotReal !== undefined)(
  `a real Firecracker takes what the fake takes, in the same order${skippedFor(whyNotReal)}`,
  async () => {
    const place = (name: string) => join(directory, name);
    const children: ChildProcess[] = [];
    /** A fresh process, and a client for it. */
    const begin = async (name: string): Promise<FirecrackerClient> => {
      children.push(spawn(real, ['--api-sock', place(name), '--id', name], { stdio: 'ignore' }));
      while (!existsSync(place(name))) await delay(10);
      return new FirecrackerClient(place(name));
    };
    try {
      for (const file of ['log', 'metrics', 'no-kernel']) writeFileSync(place(file), '');
      for (const file of ['root', 'code']) writeFileSync(place(file), Buffer.alloc(4096));
      writeFileSync(place('kernel'), haltingKernel());
      const machine = await begin('first');
      expect((await machine.describe()).state).toBe('Not started');
      await machine.setLogger({ log_path: place('log'), level: 'Warning', show_level: true, show_log_origin: false });
      await machine.setMetrics({ metrics_path: place('metrics') });
      await machine.setMachine({ vcpu_count: 2, mem_size_mib: 64, smt: false, track_dirty_pages: true });
      const limiter = {
        bandwidth: { size: 65_536, refill_time: 100, one_time_burst: 1 },
        ops: { size: 9, refill_time: 1 },
      };
      const drive = { is_root_device: false, is_read_only: true, cache_type: 'Unsafe', io_engine: 'Sync' } as const;
      await machine.addDrive({ drive_id: 'code', path_on_host: place('code'), ...drive, rate_limiter: limiter });
      await machine.setVsock({ guest_cid: 3, uds_path: place('vsock') });
      await machine.setEntropy({ rate_limiter: { bandwidth: { size: 65_536, refill_time: 100 } } });
      await machine.setBalloon({ amount_mib: 0, deflate_on_oom: true, stats_polling_interval_s: 1 });
      await expect(machine.pause()).rejects.toMatchObject({ code: 'firecracker_wrong_state' });
      await expect(machine.flushMetrics()).rejects.toMatchObject({ code: 'firecracker_wrong_state' });
      await expect(machine.start()).rejects.toMatchObject({ code: 'firecracker_bad_kernel' });
      await machine.setBootSource({ kernel_image_path: place('kernel'), boot_args: 'panic=1' });
      await machine.start();
      await expect(machine.setVsock({ guest_cid: 3, uds_path: place('v2') })).rejects.toMatchObject({
        code: 'firecracker_wrong_state',
      });
      await machine.updateDrive({ drive_id: 'code', path_on_host: place('root') });
      await machine.flushMetrics();
      const files = { snapshot_path: place('state'), mem_file_path: place('memory') };
      await expect(machine.createSnapshot(files)).rejects.toMatchObject({ kind: 'unavailable' });
      await machine.pause();
      await machine.pause();
      expect((await machine.describe()).state).toBe('Paused');
      await machine.createSnapshot({ ...files, snapshot_type: 'Full' });
      const difference = { snapshot_path: place('state-2'), mem_file_path: place('memory-2') };
      await machine.createSnapshot({ ...difference, snapshot_type: 'Diff' });
      await machine.resume();
      machine.close();
      children[0]?.kill('SIGKILL');
      // The clone binds the same path.
      rmSync(place('vsock'), { force: true });
      const clone = await begin('second');
      const backend = { backend_type: 'File', backend_path: place('memory') } as const;
      await clone.loadSnapshot({ snapshot_path: place('state'), mem_backend: backend, track_dirty_pages: true });
      expect((await clone.describe()).state).toBe('Paused');
      await clone.resume();
      expect((await clone.describe()).state).toBe('Running');
      clone.close();
      const broken = await begin('third');
      writeFileSync(place('state'), 'nothing');
      await expect(broken.loadSnapshot({ snapshot_path: place('state'), mem_backend: backend })).rejects.toMatchObject({
        code: expect.stringMatching(/^firecracker_snapshot_/),
      });
      broken.close();
    } finally {
      for (const child of children) child.kill('SIGKILL');
    }
  },
);

/** The smallest kernel: an ELF file (elf(5)) with one segment at 1 MiB that halts for ever. */
function haltingKernel(): Buffer {
  const loadAt = 0x100000n;
  const head = Buffer.alloc(64 + 56);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(head);
  head.writeUInt16LE(2, 16);
  head.writeUInt16LE(62, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(loadAt + BigInt(head.length), 24);
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(64, 52);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(1, 56);
  // hlt; jmp back
  const code = Buffer.from([0xf4, 0xeb, 0xfd]);
  head.writeUInt32LE(1, 64);
  head.writeUInt32LE(5, 68);
  head.writeBigUInt64LE(loadAt, 64 + 16);
  head.writeBigUInt64LE(loadAt, 64 + 24);
  for (const at of [32, 40]) head.writeBigUInt64LE(BigInt(head.length + code.length), 64 + at);
  head.writeBigUInt64LE(0x1000n, 64 + 48);
  return Buffer.concat([head, code]);
}
