import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxLimits } from '../../backend/core/ports/isolation-driver.ts';
import type { Sandbox } from '../../backend/core/ports/sandbox.ts';
import { DockerDriver } from '../../backend/execution-engine/drivers/docker/docker-driver.ts';
import { attackProgram, attackScript } from '../../backend/execution-engine/drivers/support/egress/attack.ts';
import { firewallRules } from '../../backend/execution-engine/drivers/support/egress/firewall-rules.ts';
import { newId } from '../../shared/ids.ts';
import { whyNoEngine } from '../support/docker-daemon.ts';
import {
  connects,
  hostSide,
  inside,
  outside,
  run,
  spawnChild,
  startOutside,
  whyNoOutside,
} from '../support/outside-network.ts';
import { skippedFor } from '../support/skip-reason.ts';

const dockerHost = process.env['DOCKER_HOST'] ?? '';
const ports = { open: 8080, sends: 8081, takes: 8082 } as const;
const bulkBytes = 8 * 1024 ** 2;

async function whyNot(): Promise<string | undefined> {
  return whyNoOutside() ?? (await whyNoEngine(dockerHost));
}
const reason = await whyNot();

describe.skipIf(reason !== undefined)(`containers with egress "all"${skippedFor(reason)}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-egress-'));
  const program = join(directory, 'program.cjs');
  const signal = new AbortController().signal;
  const limits: SandboxLimits = { memoryMb: 96, cpus: 1, maxPids: 32, tmpMb: 4, egress: 'all' };
  let driver: DockerDriver;
  let host: Server;
  let servers: ReturnType<typeof startOutside> | undefined;

  beforeAll(async () => {
    writeFileSync(program, attackProgram);
    const { sends, takes } = ports;
    servers = startOutside([ports.open], { sends: { port: sends, bytes: bulkBytes }, takes });
    await servers.listening;
    host = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => host.listen(0, '0.0.0.0', resolve));
    driver = new DockerDriver({
      runDirectory: join(directory, 'run'),
      dockerHost,
      resolvers: [outside],
      networkBytesPerSecondAndCpu: bulkBytes / 2,
    });
  });
  afterAll(async () => {
    await driver.close();
    servers?.end();
    host.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function start(targets: readonly string[], more: Partial<SandboxLimits> = {}): Promise<Sandbox> {
    const spec = {
      id: newId('sandbox'),
      image: undefined,
      limits: { ...limits, ...more },
      plan: {
        runtime: 'nodejs',
        argv: ['/hearth/node', '/hearth/program.cjs', ...targets],
        env: {},
        agent: { hostPath: program, guestPath: '/hearth/program.cjs' },
        toolchain: [{ hostPath: process.execPath, guestPath: '/hearth/node' }],
      },
    } as const;
    return await driver.create(spec, signal);
  }
  async function answerOf(sandbox: Sandbox): Promise<readonly string[]> {
    const channel = await sandbox.connect(signal);
    for await (const chunk of channel) return (JSON.parse(String(chunk)) as { open: string[] }).open;
    throw new Error('no answer');
  }
  async function reached(targets: readonly string[], more: Partial<SandboxLimits> = {}): Promise<readonly string[]> {
    const sandbox = await start(targets, more);
    try {
      return await answerOf(sandbox);
    } finally {
      await sandbox.destroy('the test is over');
    }
  }

  /** Tries to connect from the network of a sandbox, now. */
  function attempt(sandbox: Sandbox, targets: readonly string[]): void {
    run('nsenter', '-t', String(pidOf(sandbox)), '-n', process.execPath, '-e', attackScript, ...targets);
  }

  it('says that it can, and why not where it cannot', async () => {
    const health = await driver.probe(signal);
    expect(health.status === 'healthy' ? [...(health.egress ?? [])] : health).toEqual(['none', 'all']);
  });

  it('reach a public address, and neither this host, its network, metadata nor one another', async () => {
    const { port } = host.address() as AddressInfo;
    const gateway = gatewayOf();
    const blocked = [
      `127.0.0.1:${port}`,
      `${hostSide}:${port}`,
      `${inside}:${ports.open}`,
      '169.254.169.254:80',
      ...(gateway === undefined ? [] : [`${gateway}:${port}`]),
    ];
    // The test of the test: from here, what plays the outside and the inside do answer.
    expect(await connects(outside, ports.open)).toBe(true);
    expect(await connects(inside, ports.open)).toBe(true);
    expect(await reached([`${outside}:${ports.open}`, ...blocked])).toEqual([`${outside}:${ports.open}`]);
    expect(await reached([`${outside}:${ports.open}`], { egress: 'none' })).toEqual([]);
    expect(await reached([`${gatewayOf()}:${port}`])).toEqual([]);
  });

  it('tell where they were refused, every few seconds and at their end, and not whoever gets their address', async () => {
    const targets = [`${inside}:${ports.open}`, '169.254.169.254:80'];
    const first = await start([]);
    const told: string[] = [];
    const isTold = new Promise<void>((resolve) =>
      first.onRefused?.((target) => {
        told.push(target);
        if (told.length === targets.length) resolve();
      }),
    );
    attempt(first, [...targets, `${outside}:${ports.open}`]);
    await isTold;
    expect(told.sort()).toEqual([...targets].sort());
    told.length = 0;
    attempt(first, targets.slice(1));
    await first.destroy('the test is over');
    expect(told).toEqual(targets.slice(1));
    // It has the same address where the daemon gives free ones out again.
    const heir = await start([]);
    const toldHeir: string[] = [];
    heir.onRefused?.((target) => toldHeir.push(target));
    attempt(heir, targets.slice(0, 1));
    await heir.destroy('the test is over');
    expect(toldHeir).toEqual(targets.slice(0, 1));
    expect(told).toEqual(targets.slice(1));
  });

  it('tell how much went through their network, and that nothing did without one', async () => {
    const io = async (egress: SandboxLimits['egress']) => {
      const sandbox = await start([`${outside}:${ports.open}`], { egress });
      try {
        await answerOf(sandbox);
        return (await sandbox.usage()).io;
      } finally {
        await sandbox.destroy('the test is over');
      }
    };
    const used = await io('all');
    expect(used?.networkSentBytes).toBeGreaterThan(100);
    expect(used?.networkReceivedBytes).toBeGreaterThan(100);
    expect(await io('none')).toMatchObject({ networkSentBytes: 0, networkReceivedBytes: 0 });
  });

  it('send and receive no more than their rate, by their CPUs', async () => {
    const half = await start([], { cpus: 0.5 });
    try {
      const tookMs = await Promise.all([ports.sends, ports.takes].map((port) => moveBulk(pidOf(half), port)));
      // Two of eight megabytes come at once, and two more each second; what buffers hold may still be on its way. Without a rate it is milliseconds.
      for (const ms of tookMs) expect(ms).toBeGreaterThan(1500);
    } finally {
      await half.destroy('the test is over');
    }
  });

  it('do not reach one another', async () => {
    const listener = await start([]);
    const address = addressOf(listener);
    const neighbour = await start([]);
    const told: string[] = [];
    neighbour.onRefused?.((target) => told.push(target));
    const serve = spawnChild('nsenter', [
      ...['-t', String(pidOf(listener)), '-n', process.execPath, '-e'],
      `require('node:net').createServer((socket) => socket.destroy()).listen(${ports.open}, '0.0.0.0', () => console.log('listening'))`,
    ]);
    try {
      await serve.listening;
      const ask = `require('node:net').connect(${ports.open}, '${address}').once('connect', () => process.exit(0)).once('error', () => process.exit(1))`;
      const own = spawnSync('nsenter', ['-t', String(pidOf(listener)), '-n', process.execPath, '-e', ask]);
      expect(own.status, 'the server answers in its own network').toBe(0);
      expect(await reached([`${address}:${ports.open}`, `${outside}:${ports.open}`])).toEqual([
        `${outside}:${ports.open}`,
      ]);
      attempt(neighbour, [`${address}:${ports.open}`]);
      await neighbour.destroy('it has tried');
      expect(told).toEqual([`${address}:${ports.open}`]);
    } finally {
      serve.kill();
      await neighbour.destroy('the test is over');
      await listener.destroy('the test is over');
    }
  });

  it('rules that another program has emptied are put back with the next start', async () => {
    const [table] = /hearth_[0-9a-f]{8}/.exec(run('nft', 'list', 'tables')) ?? [];
    run('nft', 'delete', 'table', 'inet', table ?? '');
    expect(await reached([`${inside}:${ports.open}`, `${outside}:${ports.open}`])).toEqual([
      `${outside}:${ports.open}`,
    ]);
  });

  it('leave neither a network nor rules behind', async () => {
    const [table] = /hearth_[0-9a-f]{8}/.exec(run('nft', 'list', 'tables')) ?? [''];
    await driver.close();
    expect(run('nft', 'list', 'tables')).not.toContain(table);
    expect(run('docker', 'network', 'ls', '--format', '{{.Name}}')).not.toContain(
      table.replace('hearth_', 'hearth-egress-'),
    );
  });

  function inspect(sandbox: Sandbox) {
    const [found] = JSON.parse(run('docker', 'inspect', String(sandbox.handle.data['container']))) as {
      State: { Pid: number };
      NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
    }[];
    if (found === undefined) throw new Error('the container is gone');
    return found;
  }
  const pidOf = (sandbox: Sandbox): number => inspect(sandbox).State.Pid;
  const addressOf = (sandbox: Sandbox): string =>
    Object.values(inspect(sandbox).NetworkSettings.Networks)[0]?.IPAddress ?? '';
});

/** Until a program in the network of this process has sent a lot to a port outside, or received it; milliseconds. */
async function moveBulk(pid: number, port: number): Promise<number> {
  const sent = port === ports.takes ? bulkBytes : 0;
  const script = `const socket = require('node:net').connect(${port}, '${outside}'); socket.resume().on('close', () => process.exit(0)).end(Buffer.alloc(${sent}));`;
  const began = performance.now();
  const child = spawn('nsenter', ['-t', String(pid), '-n', process.execPath, '-e', script], { stdio: 'inherit' });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  expect(code).toBe(0);
  return performance.now() - began;
}

/** The host's own address on the bridge, once it is there. */
function gatewayOf(): string | undefined {
  return /hearth[0-9a-f]{8}\s.*?inet ([0-9.]+)/.exec(run('ip', '-o', '-4', 'address'))?.[1];
}

describe('firewallRules', () => {
  it('let nothing pass while the addresses of the bridge are not known', () => {
    const rules = firewallRules({ table: 't', interfaces: 'b', isBridge: true, subnet: undefined, resolvers: [] });
    expect(rules).toContain('iifname "b" drop');
    expect(rules).not.toContain('accept\n    iifname');
    expect(rules).not.toContain('masquerade');
  });
});
