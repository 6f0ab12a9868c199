import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PreparedImage } from '../../backend/core/ports/isolation-driver.ts';
import type { Sandbox } from '../../backend/core/ports/sandbox.ts';
import { QemuDriver } from '../../backend/execution-engine/drivers/qemu/qemu-driver.ts';
import { startTimeOf } from '../../backend/execution-engine/drivers/support/process-tree.ts';
import type { BundleDigest } from '../../shared/ids.ts';
import { newId } from '../../shared/ids.ts';
import { BodyClient } from '../conformance/driver-body.ts';
import { orphanHost } from '../fixtures/drivers/qemu-orphan-host.ts';
import { bodyPlan } from '../support/body-plan.ts';
import { eventually } from '../support/platform.ts';
import { qemusBelow } from '../support/qemu-processes.ts';
import { whyNoQemu } from '../support/qemu-programs.ts';
import { skippedFor } from '../support/skip-reason.ts';

const { signal: never } = new AbortController();
const fixtures = join(import.meta.dirname, '../fixtures/drivers');
const plan = bodyPlan();
const limits = { memoryMb: 128, cpus: 1, maxPids: 48, tmpMb: 8, egress: 'none' } as const;
const why = whyNoQemu();
/** More for a long run: HEARTH_TEST_ORPHANS=20. */
const orphans = Number(process.env['HEARTH_TEST_ORPHANS'] ?? 8);

/** Boots guests for real, a few seconds each under emulation. */
describe.skipIf(why !== undefined)(`qemu${skippedFor(why)}`, () => {
  let directory: string;
  let driver: QemuDriver;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hearth-qemu-'));
    // Otherwise sandboxes' user ids cannot pass, and slots go to another directory than the one looked at here.
    chmodSync(directory, 0o711);
    driver = new QemuDriver({
      runDirectory: join(directory, 'run'),
      guestDirectory: join(directory, 'guest'),
      snapshotDirectory: join(directory, 'snapshots'),
    });
    // What it tries out may take too long on a busy host.
    await eventually(async () => expect(await driver.probe(never)).toMatchObject({ status: 'healthy' }), 200_000);
    // Makes what these guests boot from, so that each test can damage it, also when it runs alone.
    await (await create()).destroy('made');
  }, 300_000);
  afterEach(() => {
    expect(slots()).toEqual([]);
  });
  afterAll(async () => {
    await driver.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const create = async (): Promise<Sandbox> =>
    await driver.create({ id: newId('sandbox'), plan, limits, image: undefined }, never);
  const start = async (): Promise<{ sandbox: Sandbox; body: BodyClient }> => {
    const sandbox = await create();
    const body = new BodyClient(await sandbox.connect(never));
    await body.ready();
    return { sandbox, body };
  };
  const slots = (): readonly string[] =>
    readdirSync(join(directory, 'run')).flatMap((instance) => {
      const place = join(directory, 'run', instance, 'slots');
      return existsSync(place) ? readdirSync(place) : [];
    });
  const damage = (prefix: string): void => {
    const names = readdirSync(join(directory, 'guest')).filter((name) => name.startsWith(prefix));
    expect(names).not.toEqual([]);
    for (const name of names) writeFileSync(join(directory, 'guest', name), Buffer.alloc(8192, 0xa5));
  };

  it('tells a QEMU that was killed, not for memory, and ends the channel', async () => {
    const { sandbox, body } = await start();
    expect(slots()).toHaveLength(1);
    const waiting = expect(body.command('spin')).rejects.toThrow('the channel is over');
    for (const pid of qemusBelow(Number(sandbox.handle.data['pid']))) process.kill(pid, 'SIGKILL');
    expect(await sandbox.exited).toMatchObject({ signal: 'SIGKILL', outOfMemory: false });
    await waiting;
  });

  it('destroys a guest that hangs, and shows what the host knows of it until then', async () => {
    const { sandbox } = await start();
    for (const pid of qemusBelow(Number(sandbox.handle.data['pid']))) process.kill(pid, 'SIGSTOP');
    expect((await sandbox.usage()).memoryBytes).toBeGreaterThan(0);
    await sandbox.destroy('it hangs');
    expect(await sandbox.exited).toMatchObject({ reason: 'it hangs', outOfMemory: false });
  });

  it('refuses a damaged code image, and the sandbox can still be destroyed', async () => {
    const image: PreparedImage = {
      digest: `sha256:${'ab'.repeat(32)}` as BundleDigest,
      directory: fixtures,
      sizeBytes: 1,
      fileCount: 1,
    };
    await driver.prepare(image, never);
    damage('code-');
    const { sandbox } = await start();
    await expect(sandbox.specialise(image, never)).rejects.toMatchObject({ code: 'code_not_loaded' });
    await sandbox.destroy('no code');
  });

  it(`sweeps ${orphans} microVMs of a platform that was killed, paused ones too`, async () => {
    const maker = join(import.meta.dirname, '../fixtures/drivers/qemu-orphan-maker.ts');
    // Of its own: what is swept is everything in it.
    const place = mkdtempSync(join(tmpdir(), 'hearth-qemu-orphans-'));
    chmodSync(place, 0o711);
    const other = new QemuDriver({
      ...orphanHost(place),
      guestDirectory: join(tmpdir(), 'hearth-test-guests'),
      snapshotDirectory: join(place, 'snapshots'),
    });
    const child = spawn(process.execPath, [maker, place, String(orphans)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const text = await new Promise<string>((resolve, reject) => {
        child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString('utf8')));
        child.once('exit', () => reject(new Error('the platform ended')));
      });
      const pids = JSON.parse(text) as number[];
      expect(pids).toHaveLength(orphans);
      const qemus = pids.flatMap(qemusBelow);
      expect(qemus.length).toBeGreaterThanOrEqual(orphans);
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
      const report = await other.sweep(new Set());
      expect(report.failed).toEqual([]);
      expect(report.removed).toContainEqual(expect.stringMatching(/^directory /));
      expect([...pids, ...qemus].filter((pid) => startTimeOf(pid) !== undefined)).toEqual([]);
    } finally {
      child.kill('SIGKILL');
      await other.sweep(new Set());
      await other.close();
      rmSync(place, { recursive: true, force: true });
    }
  });

  it('says what init said when the root image is damaged', async () => {
    damage('root-nodejs-');
    await expect(create()).rejects.toMatchObject({
      code: 'sandbox_not_started',
      message: expect.stringContaining('hearth: the guest could not be set up'),
    });
  });

  it('says what the kernel said when it panics, here for want of an initial RAM disk', async () => {
    damage('initrd-');
    await expect(create()).rejects.toMatchObject({
      code: 'sandbox_not_started',
      message: expect.stringContaining('Kernel panic'),
    });
  });
});
