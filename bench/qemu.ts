import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { IsolationDriver, PreparedImage, SandboxSpec } from '../backend/core/ports/isolation-driver.ts';
import type { Sandbox } from '../backend/core/ports/sandbox.ts';
import type { SnapshotName } from '../backend/core/ports/snapshot-driver.ts';
import { ProcessDriver } from '../backend/execution-engine/drivers/process/process-driver.ts';
import { QemuDriver } from '../backend/execution-engine/drivers/qemu/qemu-driver.ts';
import { NodejsAdapter } from '../backend/execution-engine/runtimes/nodejs/adapter.ts';
import { type BundleDigest, newId } from '../shared/ids.ts';
import { GuestAgent } from '../tests/support/guest-agent.ts';
import { platformTree } from '../tests/support/process-tree.ts';
import { median, type Row, row } from './support/numbers.ts';
import { kibOf } from './support/processes.ts';
import { progress } from './support/progress.ts';

const { signal: never } = new AbortController();
const limits = { memoryMb: 128, cpus: 1, maxPids: 48, tmpMb: 8, egress: 'none' } as const;
const boots = 3;
const copies = 10;
/** That code is sent to, of each kind. */
const codedCopies = 5;
/** Until a copy that was restored ahead has warmed up. */
const aheadMs = 2500;
/** For the QEMU that waits for the next copy. */
const waitingPatienceMs = 60_000;
const warmCalls = 300;
/** Warm calls before the ones that are measured: V8 compiles the agent, QEMU translates it. */
const unmeasuredCalls = 300;
/** Goals: what a copy may take of a boot, of its time and of its CPU time; and milliseconds on a machine with nothing else to do. */
const maxShareOfBoot = 0.05;
const maxPausedMs = 10;
const maxCodedMs = 170;
const event = { text: 'x'.repeat(1000) };
const source = `const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2));
export const handler = (event) => {
  if (event.fib === undefined) return event;
  const startedAt = performance.now();
  fib(event.fib);
  return performance.now() - startedAt;
};`;

interface Started {
  readonly sandbox: Sandbox;
  readonly agent: GuestAgent;
}

/** Guests of QEMU: what their starts, their calls and their memory cost, and what a processor that is emulated does. */
export async function qemu(): Promise<readonly Row[]> {
  const place = mkdtempSync(join(tmpdir(), 'hearth-bench-qemu-'));
  chmodSync(place, 0o711);
  mkdirSync(join(place, 'code'));
  writeFileSync(join(place, 'code', 'index.mjs'), source);
  const driver = new QemuDriver({
    runDirectory: join(place, 'run'),
    guestDirectory: join(place, 'guests'),
    snapshotDirectory: join(place, 'snapshots'),
  });
  const processes = new ProcessDriver({ runDirectory: join(place, 'processes') });
  try {
    const health = await driver.probe(never);
    if (health.status !== 'healthy') return [row('guests of QEMU', `not measured: ${health.reason}`)];
    await processes.probe(never);
    return await new Guests(driver, processes, place).measure();
  } finally {
    await driver.close();
    await processes.close();
    rmSync(place, { recursive: true, force: true });
  }
}

class Guests {
  readonly #driver: QemuDriver;
  readonly #processes: IsolationDriver;
  readonly #image: PreparedImage;
  readonly #name: SnapshotName = { versionId: newId('version'), loadedWith: 'bench' };
  readonly #runtime: SnapshotName = { versionId: 'shape_bench', loadedWith: 'bench' };

  constructor(driver: QemuDriver, processes: IsolationDriver, place: string) {
    this.#driver = driver;
    this.#processes = processes;
    const digest = `sha256:${'be'.repeat(32)}` as BundleDigest;
    this.#image = { digest, directory: join(place, 'code'), sizeBytes: source.length, fileCount: 1 };
  }

  async measure(): Promise<readonly Row[]> {
    await (await this.#boot(this.#driver)).sandbox.destroy('what guests boot from is made');
    const booted = await timed(boots, async () => await this.#boot(this.#driver));
    const guest = booted.started[0] as Started;
    await this.#snapshot();
    await (await this.#restore()).sandbox.destroy('what a restore loads is loaded');
    const restored = await timed(copies, async () => await this.#restore());
    const memory = restored.started.map(({ sandbox }) => proportionalMib(sandbox));
    const paused: number[] = [];
    for (const copy of restored.started) paused.push(await this.#fromPause(copy));
    const ready = await this.#readyAndPaused();
    const coded = await this.#codeSent();
    const native = await this.#boot(this.#processes);
    const [echo, nativeEcho] = [await warm(guest.agent), await warm(native.agent)];
    const [cpu, nativeCpu] = [await computing(guest.agent), await computing(native.agent)];
    const bootMs = median(booted.tookMs);
    const cpuShare = median(restored.cpuMs) / median(booted.cpuMs);
    const share = median(restored.tookMs) / bootMs;
    const readyMs = median(ready);
    const pausedMs = median(paused);
    const codedMs = median(coded.waiting.tookMs);
    return [
      row('QEMU guest, boot to first byte', `median ${bootMs.toFixed(0)} ms`, '', undefined, booted.tookMs),
      row(
        'the same from a snapshot',
        `median ${median(restored.tookMs).toFixed(0)} ms, ${share.toFixed(3)} of the boot`,
        `<= ${maxShareOfBoot} of the boot`,
        share <= maxShareOfBoot,
        restored.tookMs,
      ),
      row(
        'CPU time of the host up to there',
        `${median(restored.cpuMs).toFixed(0)} ms, ${cpuShare.toFixed(3)} of the boot's ${median(booted.cpuMs).toFixed(0)} ms`,
        `<= ${maxShareOfBoot} of the boot's`,
        cpuShare <= maxShareOfBoot,
      ),
      row(
        'a copy that was restored ahead and paused, its first call',
        `median ${readyMs.toFixed(0)} ms`,
        '',
        undefined,
        ready,
      ),
      row(
        'a copy that had a call and was paused',
        `median ${pausedMs.toFixed(1)} ms`,
        `<= ${maxPausedMs} ms`,
        pausedMs <= maxPausedMs,
        paused,
      ),
      row(
        'code sent to a copy of the runtime: restore, code, first byte',
        `median ${codedMs.toFixed(0)} ms, ${(codedMs / bootMs).toFixed(3)} of the boot; ${median(coded.waiting.cpuMs).toFixed(0)} ms of CPU time with what QEMU took before`,
        `<= ${maxCodedMs} ms`,
        codedMs <= maxCodedMs,
        coded.waiting.tookMs,
      ),
      row(
        'the same where no QEMU waited for it',
        `median ${median(coded.alone.tookMs).toFixed(0)} ms; ${median(coded.alone.cpuMs).toFixed(0)} ms of CPU time`,
        '',
        undefined,
        coded.alone.tookMs,
      ),
      row(
        'the same where the copy was restored ahead',
        `median ${median(coded.ahead.tookMs).toFixed(0)} ms`,
        '',
        undefined,
        coded.ahead.tookMs,
      ),
      row('memory of an idle copy (PSS)', `${median(memory).toFixed(0)} MiB`),
      row('memory of an idle guest that was booted (PSS)', `${proportionalMib(guest.sandbox).toFixed(0)} MiB`),
      row(
        'warm echo of 1 KB in a guest',
        `median ${echo.toFixed(2)} ms, ${(echo / nativeEcho).toFixed(1)} of the process driver's`,
      ),
      row('CPU-bound JavaScript in a guest', `${(cpu / nativeCpu).toFixed(0)} times as long as in the process driver`),
    ];
  }

  async #boot(driver: IsolationDriver): Promise<Started> {
    const sandbox = await driver.create(this.#spec(this.#image), never);
    const agent = await GuestAgent.started(sandbox, 'nodejs');
    await agent.event(event);
    return { sandbox, agent };
  }

  async #restore(): Promise<Started> {
    const sandbox = await this.#driver.restore(this.#name, this.#spec(this.#image), never);
    const agent = await GuestAgent.restored(sandbox, 'nodejs');
    await agent.event(event);
    return { sandbox, agent };
  }

  async #fromPause({ sandbox, agent }: Started): Promise<number> {
    await sandbox.pause();
    const startedAt = performance.now();
    await sandbox.resume();
    await agent.event(event);
    const took = performance.now() - startedAt;
    await sandbox.destroy('measured');
    return took;
  }

  /** Copies that have had no call yet. */
  async #readyAndPaused(): Promise<readonly number[]> {
    const took: number[] = [];
    for (let i = 0; i < copies; i++) {
      const sandbox = await this.#driver.restore(this.#name, this.#spec(this.#image), never);
      const agent = await GuestAgent.restored(sandbox, 'nodejs');
      took.push(await this.#fromPause({ sandbox, agent }));
    }
    return took;
  }

  /** As the platform takes them: one of a guest that has got ready for a version, and one of a copy of it that has loaded its version, before its first call. */
  async #snapshot(): Promise<void> {
    progress('snapshots');
    const original = await this.#driver.create(this.#spec(undefined), never);
    const waiting = await GuestAgent.waiting(original, 'nodejs');
    await this.#driver.snapshot(original, this.#runtime, silence(waiting), never);
    await original.destroy('snapshotted');
    const copy = await this.#driver.restore(this.#runtime, this.#spec(undefined), never);
    const agent = await GuestAgent.restored(copy, 'nodejs', false);
    await copy.specialise(this.#image, never);
    await agent.init();
    await this.#driver.snapshot(copy, this.#name, silence(agent), never);
    await copy.destroy('snapshotted');
  }

  /**
   * A version that no guest has loaded before, into copies of a guest that has none: into one that was restored ahead and has waited for its code; then into one that
   * begins in the QEMU that has begun to wait meanwhile; and at once into another, which nothing waits for.
   */
  async #codeSent() {
    const kinds = ['ahead', 'waiting', 'alone'] as const;
    const results = {
      ahead: { tookMs: [] as number[], cpuMs: [] as number[] },
      waiting: { tookMs: [] as number[], cpuMs: [] as number[] },
      alone: { tookMs: [] as number[], cpuMs: [] as number[] },
    };
    for (let i = 0; i < codedCopies; i++) {
      for (const kind of kinds) {
        const startedAt = performance.now();
        const sandbox = await this.#driver.restore(this.#runtime, this.#spec(undefined), never);
        const agent = await GuestAgent.restored(sandbox, 'nodejs', false);
        const restoredMs = performance.now() - startedAt;
        if (kind === 'ahead') {
          await delay(aheadMs);
          await this.#untilOneWaits();
        }
        const readyAt = performance.now();
        await sandbox.specialise(this.#image, never);
        await agent.init();
        await agent.event(event);
        const codedMs = performance.now() - readyAt;
        results[kind].tookMs.push(kind === 'ahead' ? codedMs : restoredMs + codedMs);
        results[kind].cpuMs.push((await sandbox.usage()).cpuMs);
        await sandbox.destroy('measured');
      }
    }
    return results;
  }

  async #untilOneWaits(): Promise<void> {
    const until = performance.now() + waitingPatienceMs;
    while (!this.#driver.hasWaiting) {
      if (performance.now() > until) throw new Error('no QEMU waits for the next copy');
      await delay(50);
    }
  }

  #spec(image: PreparedImage | undefined): SandboxSpec {
    const agentPath = join(import.meta.dirname, '../dist/guest/nodejs/agent.cjs');
    const plan = new NodejsAdapter({ nodePath: process.execPath, agentPath }).plan(limits, image === undefined);
    return { id: newId('sandbox'), plan, limits, image };
  }
}

/** An agent that has warmed up first, which takes seconds on a busy machine. */
function silence(agent: GuestAgent): () => Promise<void> {
  return () => agent.connection.beforeSnapshot({ timeoutMs: 60_000 });
}

async function timed(rounds: number, start: () => Promise<Started>) {
  const started: Started[] = [];
  const tookMs: number[] = [];
  const cpuMs: number[] = [];
  for (let i = 0; i < rounds; i++) {
    progress(`start ${i + 1} of ${rounds}`);
    const startedAt = performance.now();
    const one = await start();
    tookMs.push(performance.now() - startedAt);
    started.push(one);
    cpuMs.push((await one.sandbox.usage()).cpuMs);
  }
  return { started, tookMs, cpuMs };
}

async function warm(agent: GuestAgent): Promise<number> {
  for (let i = 0; i < unmeasuredCalls; i++) await agent.event(event);
  const took: number[] = [];
  for (let i = 0; i < warmCalls; i++) {
    const startedAt = performance.now();
    await agent.event(event);
    took.push(performance.now() - startedAt);
  }
  return median(took);
}

/** As the function itself sees it. */
async function computing(agent: GuestAgent): Promise<number> {
  const took: number[] = [];
  for (let i = 0; i < 5; i++) took.push((await agent.event({ fib: 27 })) as number);
  return median(took);
}

/** Pages that copies share are counted once, in parts. */
const proportionalMib = (sandbox: Sandbox): number =>
  kibOf(platformTree(Number(sandbox.handle.data['pid'])), 'Pss') / 1024;
