import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MiB } from '../../../../shared/limits.ts';
import { diskRateOf } from '../support/guest/disk-rate.ts';
import { GuestControl } from '../support/guest/guest-control.ts';
import { settleEntropyBytes } from '../support/guest/guest-programs.ts';
import { TextTail } from '../support/text-tail.ts';
import { mappedAt, openMappedMemory } from './mapped-memory.ts';
import { saveState } from './migration.ts';
import { hostLimits, qemuCommand } from './qemu-arguments.ts';
import { QmpClient } from './qmp-client.ts';

const limits = { memoryMb: 128, cpus: 1.5, maxPids: 32, tmpMb: 8, egress: 'none' } as const;

describe('QMP', () => {
  const pair = () => {
    const [near, far] = duplexPair();
    const client = new QmpClient(near);
    far.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString().trim().split('\n')) {
        const { execute, id } = JSON.parse(line) as { execute: string; id: number };
        if (execute === 'bad')
          far.write(`${JSON.stringify({ id, error: { class: 'GenericError', desc: 'no such thing' } })}\r\n`);
        else if (execute !== 'quit')
          far.write(`{"event":"STOP"}\r\n${JSON.stringify({ id, return: { was: execute } })}\r\n`);
        else far.end();
      }
    });
    far.write('{"QMP":{"version":{}}}\r\n');
    return { client, far, near };
  };

  it('matches answers, tells events, and says what QEMU refused', async () => {
    const { client } = pair();
    await client.open();
    const stopped = client.event('STOP');
    expect(await client.execute('query-status')).toEqual({ was: 'query-status' });
    await stopped;
    await expect(client.execute('bad')).rejects.toMatchObject({
      code: 'vmm_refused',
      message: expect.stringContaining('no such thing'),
    });
  });

  it('fails what waits when QEMU ends, and everything after', async () => {
    const { client } = pair();
    await client.open();
    const resumed = client.event('RESUME');
    await expect(client.execute('quit')).rejects.toMatchObject({ code: 'vmm_lost' });
    await expect(resumed).rejects.toMatchObject({ code: 'vmm_lost' });
    await expect(client.execute('query-status')).rejects.toMatchObject({ code: 'vmm_lost' });
  });

  it.for(['no json\n', 'null\n', `${'x'.repeat(300_000)}`])('ends the stream on nonsense (%#)', async (text) => {
    const { client, far, near } = pair();
    await client.open();
    const closed = new Promise((resolve) => near.once('close', resolve));
    far.write(text);
    await closed;
    await expect(client.execute('query-status')).rejects.toMatchObject({ code: 'vmm_lost' });
  });

  it('takes commands before QEMU has begun, and gives up on an answer that does not come once it has', async () => {
    const [near, far] = duplexPair();
    const commands: string[] = [];
    far.on('data', (line: Buffer) => commands.push((JSON.parse(line.toString()) as { execute: string }).execute));
    const client = new QmpClient(near);
    const answer = client.execute('query-status', undefined, 5).catch((error: unknown) => error);
    // A QEMU that has not begun is not late.
    expect(await Promise.race([answer, delay(50, 'waits')])).toBe('waits');
    expect(commands).toEqual(['query-status']);
    far.write('{"QMP":{}}\r\n');
    expect(await answer).toMatchObject({ code: 'vmm_slow' });
  });
});

describe('the control port', () => {
  it('gives the time with fresh random bytes, and passes on how the agent ended', async () => {
    const [near, far] = duplexPair();
    const ended: unknown[] = [];
    const control = new GuestControl(near, { exited: (...facts) => ended.push(facts) });
    far.write('time\n');
    const told = await new Promise<Buffer>((resolve) => far.once('data', resolve));
    expect(told).toHaveLength(16 + settleEntropyBytes);
    expect(Math.abs(Number(told.readBigInt64LE(0)) - Date.now() / 1000)).toBeLessThan(60);
    far.write('started\nexit 137 1\n');
    await control.started;
    expect(ended).toEqual([[137, 1]]);
  });

  it('sends a frozen guest nothing but the time, which that has asked for already, and lets it go on', async () => {
    const [near, far] = duplexPair();
    const control = new GuestControl(near, { exited: () => undefined });
    const got: Buffer[] = [];
    far.on('data', (chunk: Buffer) => {
      got.push(chunk);
      far.write(chunk.toString() === 'freeze\n' ? 'frozen 1\ntime\n' : 'settled 1\n');
    });
    await control.freeze();
    await expect(control.usage()).rejects.toMatchObject({ code: 'guest_silent' });
    await control.settle(5000);
    expect(got.map((chunk) => chunk.length)).toEqual(['freeze\n'.length, 16 + settleEntropyBytes]);
    expect(got[1]?.readBigInt64LE(0)).toBe(5n);
    const [own, guest] = duplexPair();
    const copy = new GuestControl(own, { exited: () => undefined }, { isRestored: true });
    await copy.started;
    guest.once('data', () => guest.write('settled 0\n'));
    await expect(copy.settle()).rejects.toMatchObject({ code: 'guest_not_settled' });
  });

  it('asks one thing at a time and takes only numbers for numbers', async () => {
    const [near, far] = duplexPair();
    const control = new GuestControl(near, { exited: () => undefined });
    const asked: string[] = [];
    far.on('data', (chunk: Buffer) => {
      asked.push(chunk.toString());
      far.write(chunk.toString() === 'usage\n' ? 'usage 5 -1 NaN 2000\nnonsense\n' : 'code 0\n');
    });
    const [usage, load] = await Promise.allSettled([control.usage(), control.loadCode()]);
    expect(usage).toMatchObject({ value: { memoryBytes: 5, peakMemoryBytes: 5, pids: 0, cpuMs: 2 } });
    expect(load).toMatchObject({ reason: { code: 'code_not_loaded' } });
    expect(asked).toEqual(['usage\n', 'code\n']);
    const closed = new Promise((resolve) => near.once('close', resolve));
    far.end();
    await closed;
    await expect(control.usage()).rejects.toMatchObject({ code: 'guest_lost' });
  });
});

it('opens nothing but inherited descriptors, and limits QEMU above its guest', () => {
  const diskRate = diskRateOf(limits);
  const argv = qemuCommand({ limits, accelerator: 'tcg', hasCode: false, isClone: false, ownsMemory: true, diskRate });
  expect(
    argv
      .filter((word) => word.includes('/'))
      .filter((word) => !/\/proc\/self\/fd\/|\/dev\/urandom|^\/usr\/bin\/qemu|hearth\.root=/.test(word)),
  ).toEqual([]);
  const drives = argv.filter((word) => /^if=none/.test(word));
  expect(drives.every((word) => word.includes('readonly=on'))).toBe(true);
  // 1.5 CPUs.
  const rate = 'throttling.bps-total=402653184,throttling.iops-total=30000';
  expect(drives.filter((word) => word.endsWith(rate))).toHaveLength(2);
  expect(argv[argv.indexOf('-smp') + 1]).toBe('2');
  const guestMb = Number.parseInt(argv[argv.indexOf('-m') + 1] ?? '', 10);
  expect(guestMb).toBeGreaterThan(limits.memoryMb);
  expect(hostLimits(limits, 'tcg').memoryBytes).toBeGreaterThan(guestMb * 1024 * 1024);
});

it('finds the memory of a copy in its QEMU only where all of it is mapped in one piece', () => {
  const line = (range: string, offset: string, inode: number) =>
    `${range} rw-p ${offset} 00:01 ${inode}  /memfd:ram (deleted)`;
  const memory = { inode: 77, sizeBytes: 0x2000 };
  const maps = [line('1000-3000', '00000000', 7), line('5000-6000', '00000000', 77), line('6000-8000', '00001000', 77)];
  expect(mappedAt(maps.join('\n'), memory)).toBeUndefined();
  const whole = [...maps, line('7f0000002000-7f0000004000', '00000000', 77), ''].join('\n');
  expect(mappedAt(whole, memory)).toBe(0x7f0000002000);
  expect(mappedAt('', memory)).toBeUndefined();
  expect(() => openMappedMemory([process.pid], memory)).toThrow('has not mapped');
});

it('reads what QEMU saved of itself, and not more than it can have to say', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-state-'));
  try {
    const file = join(folder, 'state');
    const [near, far] = duplexPair();
    const client = new QmpClient(near);
    const asked: unknown[] = [];
    far.on('data', (line: Buffer) => {
      const { id, ...rest } = JSON.parse(line.toString()) as { id: number };
      asked.push(rest);
      far.write(`${JSON.stringify({ id, return: {} })}\r\n`);
    });
    writeFileSync(file, 'devices');
    expect((await saveState(client, file)).toString()).toBe('devices');
    const filename = '/proc/self/fd/18';
    expect(asked).toEqual([{ execute: 'xen-save-devices-state', arguments: { filename, live: false } }]);
    truncateSync(file, 17 * MiB);
    await expect(saveState(client, file)).rejects.toMatchObject({ code: 'vmm_refused' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it('keeps the end of endless talk, printable', () => {
  const tail = new TextTail();
  for (let i = 0; i < 100; i++) tail.push('noise\n'.repeat(1000));
  tail.push('Kernel panic - not\u001b[31m syncing\nlast\n\n');
  expect(tail.lastLine(/panic/)).toBe('Kernel panic - not[31m syncing');
  expect(tail.lastLine()).toBe('last');
});
