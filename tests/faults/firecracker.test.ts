import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FirecrackerDriver } from '../../backend/execution-engine/drivers/firecracker/firecracker-driver.ts';
import {
  namespaceDirectory,
  networkNumber,
  placeOf,
} from '../../backend/execution-engine/drivers/support/egress/guest-network.ts';
import { uidsPerInstance } from '../../backend/execution-engine/drivers/support/jail/host-environment.ts';
import { startTimeOf } from '../../backend/execution-engine/drivers/support/process-tree.ts';
import { newId } from '../../shared/ids.ts';
import { BodyClient } from '../conformance/driver-body.ts';
import { bodyPlan } from '../support/body-plan.ts';
import { type FakeFaults, installFakeFirecracker } from '../support/fake-firecracker.ts';
import { whyNoSpec } from '../support/firecracker-spec.ts';
import { run, whyNoOutside } from '../support/outside-network.ts';
import { skippedFor } from '../support/skip-reason.ts';

const { signal: never } = new AbortController();
const plan = bodyPlan();
const limits = { memoryMb: 128, cpus: 1, maxPids: 48, tmpMb: 8, egress: 'none' } as const;
const uidBase = 400_000;
/** Logger, metrics, machine, boot source, two drives, vsock, entropy, balloon, start. */
const requestsOfAStart = 10;
/** More for a long run: HEARTH_TEST_ORPHANS=20. */
const orphans = Number(process.env['HEARTH_TEST_ORPHANS'] ?? 8);

describe.skipIf(whyNoSpec() !== undefined)(`firecracker${skippedFor(whyNoSpec())}`, () => {
  let directory: string;
  let unhealthy: string | undefined;
  const drivers: FirecrackerDriver[] = [];
  const children: ChildProcess[] = [];
  const driverWith = (faults: FakeFaults): FirecrackerDriver => {
    const driver = new FirecrackerDriver({
      runDirectory: join(directory, 'run'),
      registryDirectory: join(directory, 'instances'),
      guestDirectory: join(tmpdir(), 'hearth-test-guests'),
      snapshotDirectory: join(directory, 'snapshots'),
      cgroupParent: 'hearth-firecracker-test',
      uidBase,
      kvmPath: '/dev/null',
      ...installFakeFirecracker(directory, faults),
    });
    drivers.push(driver);
    return driver;
  };
  const start = async (driver: FirecrackerDriver) =>
    await driver.create({ id: newId('sandbox'), plan, limits, image: undefined }, never);
  const slots = (): readonly string[] =>
    readdirSync(join(directory, 'run')).flatMap((instance) => {
      const place = join(directory, 'run', instance, 'slots');
      return existsSync(place) ? readdirSync(place).map((slot) => `${instance}/${slot}`) : [];
    });

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hearth-fc-faults-'));
    chmodSync(directory, 0o711);
    const health = await driverWith({}).probe(never);
    unhealthy = health.status === 'healthy' ? undefined : `${health.reason} (${health.fix})`;
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    for (const driver of drivers) {
      await driver.sweep(new Set());
      await driver.close();
    }
    rmSync(directory, { recursive: true, force: true });
  });

  it.for(Array.from({ length: requestsOfAStart }, (_, index) => index + 1))(
    'leaves nothing when request %i of a start is refused, or Firecracker dies in it',
    async (request, context) => {
      context.skip(unhealthy !== undefined, unhealthy);
      const [refusing, dying] = [driverWith({ refuseRequest: request }), driverWith({ dieAtRequest: request })];
      await expect(start(refusing)).rejects.toMatchObject({
        kind: 'unavailable',
        code: 'firecracker_refused',
        message: expect.stringContaining('Something else went wrong'),
      });
      await expect(start(dying)).rejects.toMatchObject({ kind: 'unavailable', code: 'sandbox_not_started' });
      expect(slots()).toEqual([]);
    },
  );

  it('makes a network with its card for who may reach it, which goes with the microVM, and when the card is refused', async (context) => {
    context.skip(unhealthy !== undefined || whyNoOutside() !== undefined, unhealthy ?? whyNoOutside());
    const networks = () => readdirSync(namespaceDirectory);
    const all = async (driver: FirecrackerDriver) =>
      await driver.create(
        { id: newId('sandbox'), plan, limits: { ...limits, egress: 'all' }, image: undefined },
        never,
      );
    const sandbox = await all(driverWith({}));
    const [[instance, slot] = []] = slots().map((place) => place.split('/').map(Number));
    // Others of this host make networks meanwhile, so only its own name tells.
    const { name } = placeOf(networkNumber(uidBase + Number(instance) * uidsPerInstance), Number(slot));
    expect(networks()).toContain(name);
    expect(run('ip', '-netns', name, 'tuntap', 'show')).toMatch(/^tap: tap persist user 4\d{5}\s/);
    await sandbox.destroy('over');
    expect(networks()).not.toContain(name);
    await expect(all(driverWith({ refuseRequest: '/network-interfaces/eth0' }))).rejects.toMatchObject({
      code: 'firecracker_refused',
    });
    expect([networks().includes(name), slots()]).toEqual([false, []]);
  });

  it('tells that Firecracker was killed, and ends the channel', async (context) => {
    context.skip(unhealthy !== undefined, unhealthy);
    const driver = driverWith({});
    const sandbox = await start(driver);
    const client = new BodyClient(await sandbox.connect(never));
    await client.ready();
    const closed = new Promise((resolve) => client.channel.once('close', resolve));
    process.kill(Number(sandbox.handle.data['pid']), 'SIGKILL');
    expect(await sandbox.exited).toMatchObject({ signal: 'SIGKILL', reason: undefined });
    await closed;
    await expect(sandbox.pause()).rejects.toMatchObject({ kind: 'unavailable' });
    expect(slots()).toEqual([]);
  });

  it.for([
    [{ refuseRequest: '/snapshot/create' }, 'firecracker_refused'],
    [
      { refuseRequest: '/snapshot/create', refusal: 'Write: No space left on device (os error 28)' },
      'firecracker_disk_full',
    ],
    [{ dieAtRequest: '/snapshot/create' }, 'firecracker_gone'],
  ] as const)('has no snapshot and no sandbox when one cannot be taken: %o', async ([faults, code], context) => {
    context.skip(unhealthy !== undefined, unhealthy);
    const driver = driverWith(faults);
    const sandbox = await start(driver);
    const name = { versionId: newId('version'), loadedWith: '' };
    await expect(driver.snapshot(sandbox, name, async () => undefined, never)).rejects.toMatchObject({ code });
    await sandbox.exited;
    expect([driver.hasSnapshot(name), slots()]).toEqual([false, []]);
  });

  it('goes on when what is inside does not fall silent', async (context) => {
    context.skip(unhealthy !== undefined, unhealthy);
    const driver = driverWith({});
    const sandbox = await start(driver);
    const client = new BodyClient(await sandbox.connect(never));
    await client.ready();
    const name = { versionId: newId('version'), loadedWith: '' };
    const loud = () => Promise.reject(new Error('it goes on talking'));
    await expect(driver.snapshot(sandbox, name, loud, never)).rejects.toThrow('it goes on talking');
    await client.command('print', { stream: 'stdout', text: 'still here' });
    expect(driver.hasSnapshot(name)).toBe(false);
    await sandbox.destroy('over');
  });

  it.for([
    [
      { refuseRequest: '/snapshot/load', refusal: 'Load snapshot error: CRC64 validation failed' },
      'snapshot_unusable',
      false,
    ],
    [{ refuseRequest: '/snapshot/load' }, 'firecracker_refused', true],
    [{ dieAtRequest: '/snapshot/load' }, 'sandbox_not_started', true],
  ] as const)('leaves nothing when a copy cannot be loaded: %o', async ([faults, code, isKept], context) => {
    context.skip(unhealthy !== undefined, unhealthy);
    const taker = driverWith({});
    const sandbox = await start(taker);
    const name = { versionId: newId('version'), loadedWith: '' };
    await taker.snapshot(sandbox, name, async () => undefined, never);
    await sandbox.destroy('over');
    const driver = driverWith(faults);
    const spec = { id: newId('sandbox'), plan, limits, image: undefined };
    await expect(driver.restore(name, spec, never)).rejects.toMatchObject({ kind: 'unavailable', code });
    expect([driver.hasSnapshot(name), slots()]).toEqual([isKept, []]);
  });

  it(`sweeps ${orphans} microVMs of a platform that was killed, and none of a living one`, async (context) => {
    context.skip(unhealthy !== undefined, unhealthy);
    const driver = driverWith({});
    const own = await start(driver);
    const programs = installFakeFirecracker(directory);
    const maker = join(import.meta.dirname, '../fixtures/drivers/firecracker-orphan-maker.ts');
    const child = spawn(process.execPath, [maker, directory, String(orphans), JSON.stringify(programs)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const text = await new Promise<string>((resolve, reject) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString('utf8')));
      child.once('exit', () => reject(new Error('the platform ended')));
    });
    const pids = JSON.parse(text) as number[];
    expect(pids).toHaveLength(orphans);
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    const report = await driver.sweep(new Set([own.id]));
    expect(report.failed).toEqual([]);
    expect(pids.filter((pid) => startTimeOf(pid) !== undefined)).toEqual([]);
    expect(startTimeOf(Number(own.handle.data['pid']))).toBeDefined();
    expect(slots()).toHaveLength(1);
    await own.destroy('over');
  });
});
