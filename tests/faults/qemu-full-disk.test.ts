import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PreparedImage } from '../../backend/core/ports/isolation-driver.ts';
import type { Logger } from '../../backend/core/ports/logger.ts';
import { QemuDriver, type QemuDriverOptions } from '../../backend/execution-engine/drivers/qemu/qemu-driver.ts';
import { NodejsAdapter } from '../../backend/execution-engine/runtimes/nodejs/adapter.ts';
import { type BundleDigest, newId } from '../../shared/ids.ts';
import { quietLogger } from '../fakes/pool-rig.ts';
import { bodyPlan } from '../support/body-plan.ts';
import { fillDisk } from '../support/fill-disk.ts';
import { GuestAgent } from '../support/guest-agent.ts';
import { eventually } from '../support/platform.ts';
import { whyNoQemu } from '../support/qemu-programs.ts';
import { skippedFor } from '../support/skip-reason.ts';

const { signal: never } = new AbortController();
const limits = { memoryMb: 128, cpus: 1, maxPids: 48, tmpMb: 8, egress: 'none' } as const;
const why = process.getuid?.() === 0 ? whyNoQemu() : 'mounting a small file system needs root';
const agentPath = join(import.meta.dirname, '../../dist/guest/nodejs/agent.cjs');

/** Boots one guest for real. */
describe.skipIf(why !== undefined)(`a disk that is full under qemu${skippedFor(why)}`, () => {
  let directory: string;
  /** Where a small file system is. */
  let small: string;
  const drivers: QemuDriver[] = [];
  /** Those about disks: an emulated guest on a busy host may boot at the second try, which is told as well. */
  const warnings: unknown[] = [];
  const logger: Logger = {
    ...quietLogger,
    warn: (fields) => void (tellsOfDisk(fields) && warnings.push(fields)),
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'hearth-qemu-full-'));
    chmodSync(directory, 0o711);
    small = join(directory, 'small');
    mkdirSync(small);
    warnings.length = 0;
  });
  afterEach(async () => {
    for (const driver of drivers.splice(0)) await driver.close();
    execFileSync('umount', ['-l', small]);
    rmSync(directory, { recursive: true, force: true });
  });

  const mount = (sizeMib: number, ...options: string[]): void => {
    const words = [...options, `size=${sizeMib}m`, 'mode=755'].join(',');
    execFileSync('mount', ['-t', 'tmpfs', '-o', words, 'tmpfs', small]);
  };
  const open = (places: Partial<QemuDriverOptions>): QemuDriver => {
    const driver = new QemuDriver({
      runDirectory: join(directory, 'run'),
      guestDirectory: join(tmpdir(), 'hearth-test-guests'),
      snapshotDirectory: join(directory, 'snapshots'),
      logger,
      ...places,
    });
    drivers.push(driver);
    return driver;
  };

  it('loses only the copy on disk of a snapshot, says so, and boots after a restart', async () => {
    mount(16);
    mkdirSync(join(directory, 'code'));
    writeFileSync(join(directory, 'code', 'index.mjs'), 'export const handler = (event) => event;');
    const digest = `sha256:${'fd'.repeat(32)}` as BundleDigest;
    const image: PreparedImage = { digest, directory: join(directory, 'code'), sizeBytes: 1, fileCount: 1 };
    const plan = new NodejsAdapter({ nodePath: process.execPath, agentPath }).plan(limits);
    const spec = () => ({ id: newId('sandbox'), plan, limits, image });
    const name = { versionId: newId('version'), loadedWith: 'full' };
    const driver = open({ snapshotDirectory: small });
    const sandbox = await driver.create(spec(), never);
    const agent = await GuestAgent.started(sandbox, 'nodejs');
    await driver.snapshot(sandbox, name, () => agent.connection.beforeSnapshot(), never);
    await agent.afterRestore();
    expect(await agent.event({ n: 1 })).toEqual({ n: 1 });
    const failure = { code: 'guest_disk_full', message: expect.stringContaining(`the disk of ${small} is full`) };
    await eventually(() =>
      expect(warnings).toEqual([{ err: expect.objectContaining(failure), versionId: name.versionId }]),
    );
    expect(readdirSync(small)).toEqual([]);
    // What is in memory is whole, and is what starts begin from until the platform ends.
    expect(driver.hasSnapshot(name)).toBe(true);
    const copy = await driver.restore(name, spec(), never);
    expect(await (await GuestAgent.restored(copy, 'nodejs')).event({ n: 2 })).toEqual({ n: 2 });
    await driver.close();
    const next = open({ snapshotDirectory: small });
    expect(next.hasSnapshot(name)).toBe(false);
    await expect(next.restore(name, spec(), never)).rejects.toMatchObject({ code: 'snapshot_unusable' });
  });

  it('leaves no half image behind, says where there is no room, and goes on once there is', async () => {
    // Kernel and initial RAM disk fit, the root image does not.
    mount(100);
    const driver = open({ guestDirectory: small });
    const create = async () =>
      await driver.create({ id: newId('sandbox'), plan: bodyPlan(), limits, image: undefined }, never);
    const failure = {
      kind: 'unavailable',
      code: 'guest_disk_full',
      message: expect.stringContaining(`the disk of ${small} is full`),
    };
    await expect(create()).rejects.toMatchObject(failure);
    const whole = /^(vmlinux|initrd)-[0-9a-f]{24}$/;
    expect(readdirSync(small).filter((name) => !whole.test(name))).toEqual([]);
    const code: PreparedImage = {
      digest: `sha256:${'fe'.repeat(32)}` as BundleDigest,
      directory: import.meta.dirname,
      sizeBytes: 1,
      fileCount: 1,
    };
    const filler = fillDisk(small);
    await expect(driver.prepare(code, never)).rejects.toMatchObject(failure);
    rmSync(filler);
    expect(readdirSync(small).filter((name) => !whole.test(name))).toEqual([]);
    mount(600, 'remount');
    await driver.prepare(code, never);
    expect(readdirSync(small).filter((name) => name.startsWith('code-'))).toHaveLength(1);
    const sandbox = await create();
    await sandbox.destroy('it booted');
  });
});

function tellsOfDisk(fields: unknown): boolean {
  return (fields as { readonly err?: { readonly code?: string } }).err?.code !== 'guest_hung';
}
