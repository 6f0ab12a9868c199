import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../tests/fakes/manual-clock.ts';
import { probeTimes } from '../core/policies/probe-times.ts';
import type { DriverHealth, IsolationDriver } from '../core/ports/isolation-driver.ts';
import type { RuntimeAdapter } from '../core/ports/runtime-adapter.ts';
import { HostInventory } from './host-inventory.ts';

const healthy: DriverHealth = { status: 'healthy', version: '1', tier: 'strict', enforces: new Set(), notes: [] };
const gone: DriverHealth = { status: 'undetected', reason: 'no daemon', fix: 'start it' };

function rig(isServedByDaemon: boolean) {
  const clock = new ManualClock();
  const daemon = { health: healthy, probes: 0 };
  const probe = (): Promise<DriverHealth> => {
    daemon.probes++;
    return Promise.resolve(daemon.health);
  };
  const inventory = new HostInventory({
    drivers: [{ name: 'docker', isServedByDaemon, probe } as unknown as IsolationDriver],
    runtimes: [],
    defaultIsolation: 'docker',
    hostMemoryBytes: 1,
    clock,
  });
  const status = () => inventory.drivers()[0]?.health.status;
  return { clock, daemon, inventory, status };
}

describe('watching drivers', () => {
  it('notices by itself that a daemon goes and comes back, until it is stopped', async () => {
    const { clock, daemon, inventory, status } = rig(true);
    await inventory.refresh();
    inventory.watch();
    expect(status()).toBe('healthy');
    daemon.health = gone;
    await clock.advanceAsync(5000);
    expect(status()).toBe('undetected');
    daemon.health = healthy;
    await clock.advanceAsync(5000);
    expect(status()).toBe('healthy');
    inventory.stopWatching();
    daemon.health = gone;
    await clock.advanceAsync(60_000);
    expect(status()).toBe('healthy');
  });

  it('leaves alone drivers without a daemon, whose probes cost more', async () => {
    const { clock, daemon, inventory } = rig(false);
    await inventory.refresh();
    inventory.watch();
    await clock.advanceAsync(60_000);
    expect(daemon.probes).toBe(1);
  });
});

it('lets a probe say itself why it took so long, and gives up on one that hangs', async () => {
  const clock = new ManualClock();
  const reason = 'the image could not be made in time';
  const slow = async (): Promise<DriverHealth> => {
    await clock.sleep(probeTimes.sandboxMs + probeTimes.networkMs);
    return { status: 'unhealthy', reason, fix: 'try again' };
  };
  const signals: AbortSignal[] = [];
  const hanging = (signal: AbortSignal) => {
    signals.push(signal);
    return new Promise<DriverHealth>(() => undefined);
  };
  const drivers = [
    { name: 'docker', probe: slow },
    { name: 'process', probe: hanging },
  ] as unknown as IsolationDriver[];
  const inventory = new HostInventory({ drivers, runtimes: [], defaultIsolation: 'docker', hostMemoryBytes: 1, clock });
  const probed = inventory.refresh();
  await clock.advanceAsync(probeTimes.wholeMs);
  await probed;
  const findings = inventory.drivers().map(({ health }) => health);
  expect(findings).toMatchObject([
    { status: 'unhealthy', reason },
    { status: 'unhealthy', reason: expect.stringContaining('did not answer within') },
  ]);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
});

it('refuses a runtime that the technology can never run, with the reason', async () => {
  const driver = {
    name: 'nanos',
    capabilities: { egress: new Set(['none']), cannotRun: new Map([['custom', 'since it has one process']]) },
    probe: () => Promise.resolve(healthy),
  };
  const runtime = (name: string) => ({ name, probe: () => Promise.resolve({ status: 'available', version: '1' }) });
  const inventory = new HostInventory({
    drivers: [driver as unknown as IsolationDriver],
    runtimes: [runtime('custom'), runtime('nodejs')] as unknown as RuntimeAdapter[],
    defaultIsolation: 'nanos',
    hostMemoryBytes: 1e9,
    clock: new ManualClock(),
  });
  const config = (name: string) => ({ runtime: name, isolation: 'nanos', egress: 'none', memoryMb: 128 }) as never;
  await expect(inventory.check(config('custom'), new Set())).rejects.toMatchObject({
    code: 'runtime_unsupported',
    message: 'isolation nanos cannot run custom since it has one process; choose another isolation level',
  });
  await expect(inventory.check(config('nodejs'), new Set(['maxPids']))).rejects.toMatchObject({
    code: 'limit_not_enforced',
    message: expect.stringContaining('pids'),
  });
  expect(await inventory.check(config('nodejs'), new Set())).toHaveLength(5);
});
