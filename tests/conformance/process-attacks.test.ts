import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import type { DriverHealth } from '../../backend/core/ports/isolation-driver.ts';
import type { RuntimePlan } from '../../backend/core/ports/runtime-adapter.ts';
import { attackProbes } from '../../backend/execution-engine/drivers/process/attack-probes.ts';
import { ProcessDriver } from '../../backend/execution-engine/drivers/process/process-driver.ts';
import { newId } from '../../shared/ids.ts';
import { hostState } from '../support/host-state.ts';
import { type Listener, listeners, listenersSince } from '../support/listening-sockets.ts';
import { eventually } from '../support/platform.ts';

/**
 * Attacks that may succeed, each with the reason. Reviewed; anything else that opens fails the suite.
 */
const reviewedOpen: Readonly<Record<string, string>> = {};

const python = '/usr/bin/python3';
const script = join(import.meta.dirname, '../fixtures/drivers/attacks.py');
const never = new AbortController().signal;

let directory: string;
let driver: ProcessDriver;
let health: DriverHealth;
let server: Server;
let before: readonly string[];
let listening: readonly Listener[];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-attacks-'));
  driver = new ProcessDriver({ runDirectory: join(directory, 'run') });
  server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  before = hostState(directory);
  listening = listeners();
  health = await driver.probe(never);
});
afterAll(async () => {
  server.close();
  await driver.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('attacks from inside a sandbox', () => {
  it('find nothing open from Node, more than a hundred of them', (context) => {
    requireHealthy(context);
    expect(new Set(attackProbes.map(({ name }) => name)).size).toBe(attackProbes.length);
    expect(new Set(attackProbes.map(({ attempt }) => attempt)).size).toBe(attackProbes.length);
    expect(attackProbes.length).toBeGreaterThanOrEqual(100);
    expect(health).toMatchObject({ status: 'healthy' });
    expect(health.status === 'healthy' && health.notes[0]).toBe(
      `${attackProbes.length} attacks from inside were tried, all closed`,
    );
  });

  it('find nothing open with raw system calls from Python, more than a hundred of them', async (context) => {
    requireHealthy(context);
    context.skip(!existsSync(python), 'there is no /usr/bin/python3');
    const address = server.address();
    const lines = await runPython(typeof address === 'object' ? (address?.port ?? 0) : 0);
    expect(lines.at(-1)).toBe('end 0');
    const attacks = lines.slice(0, -1);
    const names = attacks.map((line) => line.replace(/ (OPEN|closed -?\d+)$/, ''));
    expect(new Set(names).size).toBe(attacks.length);
    expect(attacks.length).toBeGreaterThanOrEqual(100);
    const open = attacks.filter((line) => line.endsWith(' OPEN')).map((line) => line.replace(/ OPEN$/, ''));
    expect(open.filter((name) => reviewedOpen[name] === undefined)).toEqual([]);
  });

  it('run as nobody outside', async (context) => {
    requireHealthy(context);
    context.skip(process.getuid?.() !== 0, 'the platform is not root, so all share its user id');
    const sandbox = await driver.create(specOf(nodePlan('setInterval(() => {}, 1000)')), never);
    const uid = statSync(`/proc/${Number(sandbox.handle.data['pid'])}`).uid;
    const status = readFileSync(`/proc/${Number(sandbox.handle.data['pid'])}/status`, 'utf8');
    await sandbox.destroy('seen');
    expect(uid).toBeGreaterThanOrEqual(200_000);
    expect(/^Groups:\s*(\d*)\s*$/m.exec(status)?.[1]).toBe('');
  });

  it('change nothing on the host: settings, control groups, files, mounts, what listens', async () => {
    expect(before.length).toBeGreaterThan(500);
    expect(hostState(directory)).toEqual(before);
    await eventually(() => expect(listenersSince(listening)).toEqual([]));
  });
});

function requireHealthy(context: TestContext): void {
  context.skip(health.status === 'undetected', health.status === 'undetected' ? health.reason : '');
  // A host that leaks must fail here and not be skipped.
  if (health.status === 'unhealthy') throw new Error(health.reason);
}

function nodePlan(code: string): RuntimePlan {
  const node = '/usr/bin/node';
  return {
    runtime: 'nodejs',
    argv: [node, '-e', code],
    env: {},
    agent: { hostPath: process.execPath, guestPath: node },
    toolchain: [],
  };
}

function specOf(plan: RuntimePlan) {
  const limits = { memoryMb: 256, cpus: 1, maxPids: 64, tmpMb: 8, egress: 'none' } as const;
  return { id: newId('sandbox'), plan, limits, image: undefined };
}

async function runPython(port: number): Promise<readonly string[]> {
  const library = ['/usr/lib/python3.13', '/usr/lib/python3.12', '/usr/lib/python3.11', '/usr/lib/python3.10'].filter(
    existsSync,
  );
  const plan: RuntimePlan = {
    runtime: 'python',
    argv: [python, '-I', '-u', '/rt/attacks.py', String(port)],
    env: {},
    agent: { hostPath: script, guestPath: '/rt/attacks.py' },
    toolchain: [
      { hostPath: python, guestPath: python },
      ...library.map((path) => ({ hostPath: path, guestPath: path })),
    ],
  };
  const sandbox = await driver.create(specOf(plan), never);
  try {
    const lines: string[] = [];
    for await (const line of sandbox.output()) {
      lines.push(line.stream === 'stderr' ? `stderr ${line.text}` : line.text);
    }
    return lines;
  } finally {
    await sandbox.destroy('over');
  }
}
