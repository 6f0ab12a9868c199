import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SandboxSpec } from '../../backend/core/ports/isolation-driver.ts';
import type { Sandbox } from '../../backend/core/ports/sandbox.ts';
import { ProcessDriver } from '../../backend/execution-engine/drivers/process/process-driver.ts';
import { startTimeOf } from '../../backend/execution-engine/drivers/support/process-tree.ts';
import { newId } from '../../shared/ids.ts';

const { signal: never } = new AbortController();
const node = '/usr/bin/node';
/** Nobody else's, as this test has a registry of its own. */
const places = { cgroupParent: 'hearth-launchers-test', uidBase: 400_000 } as const;
let directory: string;
let driver: ProcessDriver;
let unhealthy: string | undefined;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-launchers-'));
  // Passable for sandboxes, or the driver would use another place.
  chmodSync(directory, 0o711);
  driver = makeDriver();
  const health = await driver.probe(never);
  unhealthy = health.status === 'healthy' ? undefined : health.reason;
});
afterAll(async () => {
  await driver.sweep(new Set());
  await driver.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach((context) => context.skip(unhealthy !== undefined, unhealthy));

function makeDriver(): ProcessDriver {
  const registryDirectory = join(directory, 'instances');
  return new ProcessDriver({ runDirectory: join(directory, 'run'), registryDirectory, ...places });
}

function specOf(memoryMb: number, program = 'setInterval(() => {}, 1000)'): SandboxSpec {
  return {
    id: newId('sandbox'),
    plan: {
      runtime: 'nodejs',
      argv: [node, '-e', program],
      env: {},
      agent: { hostPath: process.execPath, guestPath: node },
      toolchain: [],
    },
    limits: { memoryMb, cpus: 1, maxPids: 32, tmpMb: 4, egress: 'none' },
    image: undefined,
  };
}

const pidOf = ({ handle }: Sandbox): number => (handle.data as { readonly pid: number }).pid;

/** The launchers that a process has begun and that have begun nothing yet. */
function launchersOf(parent: number): readonly number[] {
  return childrenOf(parent).filter(
    (pid) =>
      /^\S*bwrap\0--args\0/.test(readQuietly(`/proc/${pid}/cmdline`)) &&
      childrenOf(pid).length === 0 &&
      startTimeOf(pid) !== undefined,
  );
}

const childrenOf = (pid: number): readonly number[] =>
  readQuietly(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** The launcher that waits once no start is under way, in its control groups. */
async function waiting(parent: number, besides: readonly number[] = []): Promise<number> {
  let found: number | undefined;
  await until(() => {
    found = launchersOf(parent).find((pid) => !besides.includes(pid));
    return found !== undefined && isInGroup(found);
  });
  return found ?? 0;
}

const isInGroup = (pid: number): boolean => {
  const groups = readQuietly(`/proc/${pid}/cgroup`).split('\n');
  const own = groups.filter((line) => line.includes(`/${places.cgroupParent}/`));
  // Where there are none to be had, there is nothing to wait for; where there are, all are joined together.
  return own.length === readQuietly('/proc/self/cgroup').split('\n').filter(isLimited).length;
};

/** Hierarchies in which sandboxes have groups on this host: those of the sandbox that runs beside. */
let limited: ReadonlySet<string> = new Set();
const isLimited = (line: string): boolean => limited.has(line.split(':')[1] ?? '?');

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('it did not happen within a minute');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('launchers that wait', () => {
  beforeAll(async () => {
    if (unhealthy !== undefined) return;
    const sandbox = await driver.create(specOf(64), never);
    const lines = readQuietly(`/proc/${pidOf(sandbox)}/cgroup`).split('\n');
    limited = new Set(
      lines.filter((line) => line.includes(`/${places.cgroupParent}/`)).map((line) => line.split(':')[1] ?? '?'),
    );
    await sandbox.destroy('looked at');
  });

  it('become the next sandbox, with the limits of that one, and another takes their place', async () => {
    const first = await waiting(process.pid);
    const program = "console.log(require('fs').readFileSync('/proc/self/limits', 'utf8')); setInterval(() => {}, 1000)";
    const sandbox = await driver.create(specOf(96, program), never);
    expect(pidOf(sandbox)).toBe(first);
    for await (const { text } of sandbox.output()) {
      if (!text.startsWith('Max processes')) continue;
      expect(text).toMatch(/\s34\s+34\s/);
      break;
    }
    const memory = memoryLimitOf(first);
    if (memory !== undefined) expect(memory).toBe(96 * 1024 * 1024);
    const next = await waiting(process.pid, [first]);
    await sandbox.destroy('over');
    expect(startTimeOf(next)).toBeDefined();
  });

  it('that have died are replaced by a fresh start', async () => {
    const dead = await waiting(process.pid);
    process.kill(dead, 'SIGKILL');
    const sandbox = await driver.create(specOf(64), never);
    expect(pidOf(sandbox)).not.toBe(dead);
    await sandbox.destroy('over');
    await waiting(process.pid, [dead]);
  });

  it('end with their driver, and leave nothing', async () => {
    const own = makeDriver();
    const taken = await waiting(process.pid);
    await (await own.create(specOf(64), never)).destroy('over');
    const other = await waiting(process.pid, [taken]);
    const slots = slotsInUse();
    await own.close();
    expect(startTimeOf(other)).toBeUndefined();
    expect(startTimeOf(taken)).toBeDefined();
    expect(slotsInUse()).toHaveLength(slots.length - 1);
    await expect(own.create(specOf(64), never)).rejects.toMatchObject({ code: 'driver_closed' });
  });

  it('end with a platform that is killed, and what they held is swept', async () => {
    const maker = join(import.meta.dirname, '../fixtures/drivers/orphan-maker.ts');
    const where = [places.cgroupParent, String(places.uidBase)];
    const args = [maker, join(directory, 'run'), join(directory, 'instances'), '1', ...where];
    const platform: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      if (platform.stdout === null || platform.pid === undefined) throw new Error('it was not started');
      await new Promise((resolve) =>
        createInterface({ input: platform.stdout ?? process.stdin }).once('line', resolve),
      );
      const pid = await waiting(platform.pid);
      const before = slotsInUse().length;
      platform.kill('SIGKILL');
      await until(() => startTimeOf(pid) === undefined);
      expect((await driver.sweep(new Set())).failed).toEqual([]);
      expect(slotsInUse().length).toBe(before - 2);
    } finally {
      platform.kill('SIGKILL');
    }
  });
});

/** In bytes; undefined where memory is not limited by control groups. */
function memoryLimitOf(pid: number): number | undefined {
  const groups = readQuietly(`/proc/${pid}/cgroup`);
  const old = /^\d+:memory:(.*)$/m.exec(groups)?.[1];
  const unified = /^0::(.*)$/m.exec(groups)?.[1];
  const text =
    old === undefined
      ? readQuietly(`/sys/fs/cgroup${unified}/memory.max`)
      : readQuietly(`/sys/fs/cgroup/memory${old}/memory.limit_in_bytes`);
  return text === '' ? undefined : Number(text);
}

/** Slots of all instances below this test's directory. */
function slotsInUse(): readonly string[] {
  const run = join(directory, 'run');
  return readdirSync(run).flatMap((instance) => {
    const slots = join(run, instance, 'slots');
    return existsSync(slots) ? readdirSync(slots).map((slot) => `${instance}/${slot}`) : [];
  });
}
