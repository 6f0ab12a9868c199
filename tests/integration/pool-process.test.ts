import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Lease } from '../../backend/core/ports/instance-pool.ts';
import type { PreparedImage } from '../../backend/core/ports/isolation-driver.ts';
import type { LogEntry } from '../../backend/core/ports/log-sink.ts';
import { SystemClock } from '../../backend/core/system-clock.ts';
import type { VersionSpec } from '../../backend/core/version.ts';
import { ProcessDriver } from '../../backend/execution-engine/drivers/process/process-driver.ts';
import { LocalInstancePool } from '../../backend/execution-engine/pool/local-instance-pool.ts';
import { defaultPoolSettings } from '../../backend/execution-engine/pool/pool-settings.ts';
import { protocolLinks } from '../../backend/execution-engine/pool/protocol-link.ts';
import { NodejsAdapter } from '../../backend/execution-engine/runtimes/nodejs/adapter.ts';
import type { BundleDigest } from '../../shared/ids.ts';
import { invocationOf, KeepingSink, quietLogger, versionOf } from '../fakes/pool-rig.ts';
import { noEgress } from '../support/no-egress.ts';
import { noSecrets } from '../support/no-secrets.ts';
import { skippedFor } from '../support/skip-reason.ts';

const code = `
import { setTimeout as sleep } from 'node:timers/promises';
export async function handler(event) {
  switch (event.op) {
    case 'spin': for (;;);
    case 'await': return await new Promise(() => setInterval(() => {}, 1000));
    case 'exit': process.exit(7);
    case 'memory': { const kept = []; for (;;) kept.push(Buffer.alloc(4_000_000, 1)); }
    case 'sleep': await sleep(event.ms); return 'slept';
    case 'log': console.log('said', event.value); return 'logged';
  }
  return event;
}`;
const never = new AbortController().signal;
const clock = new SystemClock();
const folder = mkdtempSync(join(tmpdir(), 'hearth-pool-'));
const driver = new ProcessDriver({ runDirectory: join(folder, 'run') });
const health = await driver.probe(never);
const unhealthy = health.status === 'healthy' ? undefined : health.reason;
const agentPath = join(import.meta.dirname, '../../dist/guest/nodejs/agent.cjs');

describe.skipIf(unhealthy !== undefined)(`the pool over sandboxed processes${skippedFor(unhealthy)}`, () => {
  const bundle = join(folder, 'bundle');
  const lines: LogEntry[] = [];
  let pool: LocalInstancePool;
  let image: PreparedImage;

  beforeAll(() => {
    mkdirSync(bundle);
    chmodSync(folder, 0o755);
    writeFileSync(join(bundle, 'index.mjs'), code, { mode: 0o644 });
    image = { digest: 'a'.repeat(64) as BundleDigest, directory: bundle, sizeBytes: code.length, fileCount: 1 };
    pool = makePool();
  });
  afterEach(async () => {
    await pool.drain(clock.now() + 2000);
    pool = makePool();
    lines.length = 0;
  });
  afterAll(async () => {
    await pool.drain(clock.now());
    await driver.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function makePool(preWarm = 0, cancelGraceMs = 300): LocalInstancePool {
    const metrics = { record: () => undefined, flush: () => Promise.resolve() };
    const adapter = new NodejsAdapter({ nodePath: process.execPath, agentPath });
    return new LocalInstancePool({
      drivers: new Map([['process', driver]]),
      driverHealth: () => health,
      adapters: new Map([['nodejs', adapter]]),
      bundles: {
        openToRun: () => Promise.resolve(image),
        onCompiled: () => undefined,
      },
      sandboxes: { put: async () => undefined, remove: async () => undefined, all: () => Promise.resolve([]) },
      secrets: noSecrets,
      openLink: protocolLinks({ clock, cancelGraceMs, helloTimeoutMs: 20_000, egress: noEgress, metrics }),
      clock,
      metrics,
      logs: { append: (entry) => void lines.push(entry), flush: () => Promise.resolve() },
      logger: quietLogger,
      settings: {
        ...defaultPoolSettings,
        maxInstances: 20,
        memoryBudgetMb: 8192,
        maxSimultaneousBoots: 2,
        preWarmPerRuntime: preWarm,
        preWarmPerShape: 0,
      },
    });
  }

  const version = (config = {}) => versionOf({ isolation: 'process', maxInstances: 4, ...config });
  const obtain = async (of: VersionSpec) => pool.tryAcquire(of) ?? (await pool.acquire(of, never));

  function call(lease: Lease, event: unknown, deadlineMs = 20_000) {
    const sink = new KeepingSink();
    const invocation = invocationOf(lease.instance.version, event, clock, { deadlineAt: clock.now() + deadlineMs });
    return { sink, invocation, result: lease.instance.invoke({ invocation, sink, signal: never }) };
  }

  async function run(of: VersionSpec, event: unknown, deadlineMs?: number) {
    const lease = await obtain(of);
    const { sink, result } = call(lease, event, deadlineMs);
    const value = await result;
    lease.release('healthy');
    return { ...value, body: sink.body, start: lease.start, phases: lease.phases, id: lease.instance.id };
  }

  it('starts cold, serves warm, and starts without a boot from a pre-warmed sandbox', async () => {
    const of = version();
    const cold = await run(of, { a: 1 });
    expect(cold).toMatchObject({ outcome: { kind: 'success' }, start: 'cold', body: '{"a":1}' });
    expect(await run(of, {})).toMatchObject({ start: 'warm', id: cold.id });
    await pool.drain(clock.now());
    pool = makePool(1);
    await pool.start();
    await expect.poll(() => pool.preWarmed()[0]?.count).toBe(1);
    const ahead = await run(of, {});
    expect(ahead).toMatchObject({ start: 'pre-warmed', phases: { bootMs: 0 } });
  });

  it.each([
    ['a synchronous endless loop', 'spin'],
    ['a promise that never settles', 'await'],
  ])('ends %s at its deadline and serves the next call from a fresh sandbox', async (_, op) => {
    const of = version();
    const { id } = await run(of, {});
    const stuck = await run(of, { op }, 500);
    expect(stuck.outcome).toMatchObject({ kind: 'function-fault', fault: 'timeout' });
    expect(stuck.handlerMs).toBeGreaterThanOrEqual(495);
    const next = await run(of, { next: true });
    expect(next).toMatchObject({ outcome: { kind: 'success' }, body: '{"next":true}' });
    expect(next.id).not.toBe(id);
    await expect.poll(() => pool.pools()[0]?.instances.map((instance) => instance.id)).toEqual([next.id]);
  });

  it('names running out of memory and says the limit', async () => {
    const { outcome } = await run(version({ memoryMb: 96 }), { op: 'memory' });
    expect(outcome).toMatchObject({ kind: 'function-fault', fault: 'out-of-memory' });
    expect(outcome).toHaveProperty('message', expect.stringContaining('used more than 96 MB'));
  });

  it('tells an exit with its code, and does not wait for the deadline', async () => {
    const { outcome } = await run(version(), { op: 'exit' });
    expect(outcome).toMatchObject({ kind: 'function-fault', fault: 'exited', message: expect.stringContaining('7') });
  });

  it('gives every slot whose call overran its time to another at once, whatever maxInstances is', async () => {
    await pool.drain(clock.now());
    pool = makePool(0, 600_000);
    // Enough for each to have begun: one that has not is never begun, and costs no slot.
    const limited = version({ maxInstances: 2, timeoutMs: 1000 });
    for (const op of ['spin', 'await']) {
      const rounds = await Promise.all([run(limited, { op }, 1000), run(limited, { op }, 1000)]);
      for (const { outcome } of rounds) expect(outcome).toMatchObject({ kind: 'function-fault', fault: 'timeout' });
    }
    // On a busy host its instance may have been begun for a call before.
    expect(await run(limited, { op: 'none' })).toMatchObject({ outcome: { kind: 'success' } });
    // Four hang in their grace, and none of them is given another call.
    const states = pool.pools().flatMap(({ instances }) => instances.map(({ invocations }) => invocations));
    expect(states).toEqual([1, 1, 1, 1, 1]);
  });

  it('survives the sandbox being killed from outside in the middle of a call', async () => {
    const of = version();
    const lease = await obtain(of);
    const running = call(lease, { op: 'sleep', ms: 20_000 });
    await clock.sleep(100);
    const [view] = pool.pools();
    expect(view?.instances).toHaveLength(1);
    const { pid } = await sandboxProcess();
    process.kill(pid, 'SIGKILL');
    expect((await running.result).outcome).toMatchObject({ kind: 'function-fault', fault: 'exited' });
    lease.release('healthy');
    expect((await run(of, {})).outcome.kind).toBe('success');
  });

  it('serves a burst of 1,000 calls with at most four boots', async () => {
    const of = version();
    const ids = new Set<string>();
    const outcomes = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => {
        const done = await run(of, { i });
        ids.add(done.id);
        return done.body === `{"i":${i}}`;
      }),
    );
    expect(outcomes.every(Boolean)).toBe(true);
    expect(ids.size).toBeLessThanOrEqual(4);
  });

  it('fails no call when a version is replaced under load', async () => {
    const old = version({ maxInstances: 2 });
    const next = { ...version({ maxInstances: 2 }), functionId: old.functionId, functionName: old.functionName };
    let live: VersionSpec = old;
    const outcomes: string[] = [];
    const load = Array.from({ length: 4 }, async () => {
      for (let i = 0; i < 50; i++) outcomes.push((await run(live, { op: 'sleep', ms: 5 })).outcome.kind);
    });
    await expect.poll(() => outcomes.length).toBeGreaterThan(40);
    live = next;
    await pool.retireVersion(old.versionId, 'replaced');
    await Promise.all(load);
    expect(outcomes.filter((kind) => kind !== 'success')).toEqual([]);
    expect(outcomes).toHaveLength(200);
  });

  it('attributes what the handler logs to its call', async () => {
    const lease = await obtain(version());
    const { invocation, result } = call(lease, { op: 'log', value: 5 });
    await result;
    lease.release('healthy');
    await expect
      .poll(() => lines.find((line) => line.text === 'said 5'))
      .toMatchObject({ invocationId: invocation.id });
  });

  /** The sandbox's outermost process: a child of ours with a child of its own, which a launcher that only waits has not. */
  async function sandboxProcess(): Promise<{ readonly pid: number }> {
    const { readFile } = await import('node:fs/promises');
    const read = async (path: string): Promise<string> => await readFile(path, 'utf8').catch(() => '');
    const childrenOf = async (pid: number): Promise<readonly number[]> =>
      (await read(`/proc/${pid}/task/${pid}/children`)).trim().split(' ').filter(Boolean).map(Number);
    for (const pid of (await childrenOf(process.pid)).toReversed()) {
      const command = await read(`/proc/${pid}/cmdline`);
      if (command.includes('bwrap') && (await childrenOf(pid)).length > 0) return { pid };
    }
    throw new Error('no sandbox process found');
  }
});
