import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ProcessDriver } from '../../backend/execution-engine/drivers/process/process-driver.ts';
import { startTimeOf } from '../../backend/execution-engine/drivers/support/process-tree.ts';

const maker = join(import.meta.dirname, '../fixtures/drivers/orphan-maker.ts');
const children: ChildProcess[] = [];
let directory: string;
let registry: string;
let driver: ProcessDriver;
let unhealthy: string | undefined;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-sweep-'));
  // Passable for sandboxes, or the driver would use another place.
  chmodSync(directory, 0o711);
  registry = join(directory, 'instances');
  // A registry, control groups and user ids of its own: this test must not meet platforms that run on this machine.
  driver = makeDriver();
  const health = await driver.probe(new AbortController().signal);
  unhealthy = health.status === 'healthy' ? undefined : health.reason;
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await until(() => children.every((child) => child.exitCode !== null || child.signalCode !== null));
  await driver.sweep(new Set());
  await driver.close();
  rmSync(directory, { recursive: true, force: true });
});

function makeDriver(): ProcessDriver {
  return new ProcessDriver({
    runDirectory: join(directory, 'run'),
    registryDirectory: registry,
    cgroupParent: 'hearth-sweep-test',
    uidBase: 300_000,
    // Those of the platforms that are killed have one each; of this one, no group may be seen.
    waitingLaunchers: 0,
  });
}

/** Another platform instance, with running sandboxes; resolves to their launcher pids. */
async function startPlatform(count: number): Promise<{ child: ChildProcess; pids: readonly number[] }> {
  const args = [maker, join(directory, 'run'), registry, String(count)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const text = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString('utf8')));
    child.once('exit', () => reject(new Error('the platform ended')));
  });
  return { child, pids: (JSON.parse(text) as { pid: number }[]).map((data) => data.pid) };
}

it('removes what a killed platform left, and nothing of a living one', async (context) => {
  context.skip(unhealthy !== undefined, unhealthy);
  const [victim, neighbour] = [await startPlatform(3), await startPlatform(1)];
  expect(readdirSync(registry)).toHaveLength(3);
  victim.child.kill('SIGKILL');
  // They die with the platform, within a second, before anybody sweeps.
  await until(() => victim.pids.every((pid) => startTimeOf(pid) === undefined));

  const report = await driver.sweep(new Set());
  expect(report.failed).toEqual([]);
  expect(report.removed.some((what) => what.startsWith('directory'))).toBe(true);
  expect(readdirSync(registry)).toHaveLength(2);
  expect(readdirSync(join(directory, 'run')).filter((name) => /^\d+$/.test(name))).toHaveLength(2);
  expect(neighbour.pids.every((pid) => startTimeOf(pid) !== undefined)).toBe(true);
  expect(await driver.sweep(new Set())).toEqual({ removed: [], failed: [] });

  neighbour.child.kill('SIGKILL');
  await until(() => neighbour.pids.every((pid) => startTimeOf(pid) === undefined));
  await driver.sweep(new Set());
  expect(readdirSync(registry)).toHaveLength(1);
  expect(sandboxGroups()).toEqual([]);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(directory);
});

/** Control groups of sandboxes below the test's parent, in any hierarchy. */
function sandboxGroups(): readonly string[] {
  const root = '/sys/fs/cgroup';
  const hierarchies = existsSync(root) ? readdirSync(root) : [];
  return hierarchies.flatMap((name) => {
    const parent = join(root, name, 'hearth-sweep-test');
    if (!existsSync(parent)) return [];
    return readdirSync(parent, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((instance) =>
        readdirSync(join(parent, instance.name), { withFileTypes: true })
          .filter((entry) => entry.isDirectory())
          .map((entry) => join(parent, instance.name, entry.name)),
      );
  });
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('it did not happen within a minute');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
