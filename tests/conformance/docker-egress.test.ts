import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxLimits } from '../../backend/core/ports/isolation-driver.ts';
import type { Sandbox } from '../../backend/core/ports/sandbox.ts';
import { DockerDriver } from '../../backend/execution-engine/drivers/docker/docker-driver.ts';
import { attackProgram } from '../../backend/execution-engine/drivers/docker/egress/attack.ts';
import { firewallRules } from '../../backend/execution-engine/drivers/docker/egress/firewall-rules.ts';
import { newId } from '../../shared/ids.ts';
import { whyNoEngine } from '../support/docker-daemon.ts';
import { skippedFor } from '../support/skip-reason.ts';

const dockerHost = process.env['DOCKER_HOST'] ?? '';
/** Plays the internet: an address that is public by its number, in a network namespace of the test's own. */
const outside = '11.22.33.44';
/** Plays a machine in the host's own network. */
const inside = '10.123.45.67';
const ports = { open: 8080 } as const;
const name = `hearth-t${process.pid}`;
const link = `ht${process.pid}`;

function run(command: string, ...args: string[]): string {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr ?? done.error?.message}`);
  return done.stdout;
}
const can = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;

async function whyNot(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'a network of its own needs root';
  if (!can('nft', 'list', 'tables')) return 'nftables is not there';
  if (!can('ip', '-V')) return 'iproute2 is not installed';
  return await whyNoEngine(dockerHost);
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

  /** A namespace with both addresses and a server on each, behind a link to this host. */
  function startOutside() {
    run('ip', 'netns', 'add', name);
    run('ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    run('ip', 'address', 'add', '10.123.45.1/24', 'dev', link);
    run('ip', 'link', 'set', link, 'up');
    run('ip', 'route', 'add', `${outside}/32`, 'dev', link);
    const within = (...args: string[]) => run('ip', 'netns', 'exec', name, ...args);
    within('ip', 'address', 'add', `${inside}/24`, 'dev', 'eth0');
    within('ip', 'address', 'add', `${outside}/32`, 'dev', 'eth0');
    within('ip', 'link', 'set', 'eth0', 'up');
    within('ip', 'link', 'set', 'lo', 'up');
    const script = `require('node:net').createServer((socket) => socket.destroy()).listen(${ports.open}, '0.0.0.0', () => console.log('listening'))`;
    const child = spawnChild('ip', ['netns', 'exec', name, process.execPath, '-e', script]);
    return child;
  }

  beforeAll(async () => {
    writeFileSync(program, attackProgram);
    servers = startOutside();
    await servers.listening;
    host = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => host.listen(0, '0.0.0.0', resolve));
    driver = new DockerDriver({ runDirectory: join(directory, 'run'), dockerHost, resolvers: [outside] });
  });
  afterAll(async () => {
    await driver.close();
    servers?.kill();
    host.close();
    spawnSync('ip', ['link', 'delete', link]);
    spawnSync('ip', ['netns', 'delete', name]);
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

  it('says that it can, and why not where it cannot', async () => {
    const health = await driver.probe(signal);
    expect(health.status === 'healthy' ? [...(health.egress ?? [])] : health).toEqual(['none', 'all']);
  });

  it('reach a public address, and neither this host, its network, metadata nor one another', async () => {
    const { port } = host.address() as AddressInfo;
    const gateway = gatewayOf();
    const blocked = [
      `127.0.0.1:${port}`,
      `10.123.45.1:${port}`,
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

  it('do not reach one another', async () => {
    const listener = await start([]);
    const address = addressOf(listener);
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
    } finally {
      serve.kill();
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

/** The host's own address on the bridge, once it is there. */
function gatewayOf(): string | undefined {
  return /hearth[0-9a-f]{8}\s.*?inet ([0-9.]+)/.exec(run('ip', '-o', '-4', 'address'))?.[1];
}

function connects(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port, timeout: 2000 });
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  socket.once('timeout', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

/** A program that says `listening` when it does. */
function spawnChild(command: string, args: readonly string[]) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const listening = new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`${command} ended with ${code}`)));
  });
  listening.catch(() => undefined);
  return { listening, kill: () => child.kill('SIGKILL') };
}

describe('firewallRules', () => {
  it('let nothing pass while the addresses of the bridge are not known', () => {
    const rules = firewallRules({ table: 't', bridge: 'b', subnet: undefined, resolvers: [] });
    expect(rules).toContain('iifname "b" drop');
    expect(rules).not.toContain('accept\n    iifname');
    expect(rules).not.toContain('masquerade');
  });
});
