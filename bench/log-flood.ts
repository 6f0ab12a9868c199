import { setTimeout as sleep } from 'node:timers/promises';
import { type Platform, startPlatform } from '../tests/support/platform.ts';
import { deploy } from './support/functions.ts';
import { type Row, row } from './support/numbers.ts';
import { usageOf } from './support/processes.ts';
import { progress } from './support/progress.ts';

/** A flood ends after so long, for the host does not read on and the writer waits. */
const floodMs = 20_000;
const watchEveryMs = 500;
/** Node, pool and first samples settle. */
const settleMs = 3000;
const goals = { cpuMs: 100, grownMb: 8, heldMs: 20 };

const rawWrites = (descriptors: readonly number[]): string => `import { writeSync } from 'node:fs';
export async function handler() {
  const block = Buffer.alloc(65_536, 'x'.repeat(1023) + '\\n');
  for (let i = 0; i < 81_920; i++) for (const to of ${JSON.stringify(descriptors)}) writeSync(to, block);
  return 'printed';
}`;

const sources: Readonly<Record<string, string>> = {
  'console.log': `export async function handler() {
  const line = 'x'.repeat(1023);
  for (let i = 0; i < 5_242_880; i++) console.log(line);
  return 'printed';
}`,
  'raw stdout': rawWrites([1]),
  'raw stdout and stderr in turn': rawWrites([1, 2]),
};

/** A function that prints 5 GB: what it costs the platform's own process, beyond what that costs at rest for as long. */
export async function logFlood(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [how, source] of Object.entries(sources)) {
    const platform = await startPlatform();
    try {
      await deploy(platform, 'flood', source, { timeoutMs: floodMs });
      await deploy(platform, 'quiet', 'export async function handler() { return 1; }');
      await fetch(`${platform.gatewayUrl}/quiet`);
      await sleep(settleMs);
      progress(`${how}: at rest`);
      const rest = await watch(platform, async () => await sleep(floodMs));
      progress(`${how}: 5 GB`);
      let status = 0;
      const flood = await watch(platform, async () => {
        const response = await fetch(`${platform.gatewayUrl}/flood`);
        status = response.status;
        await response.arrayBuffer();
      });
      rows.push(...told(`5 GB printed with ${how} (${status})`, rest, flood));
    } finally {
      await platform.dispose();
    }
  }
  return rows;
}

interface Watched {
  readonly tookMs: number;
  readonly cpuMs: number;
  readonly grownMb: number;
  /** The worst second's 99th percentile of how late the event loop was. */
  readonly heldMs: number;
}

/** The platform's process while `work` runs, and its own gauge of its event loop. */
async function watch(platform: Platform, work: () => Promise<void>): Promise<Watched> {
  const [before, startedAt] = [usageOf(platform.pid), performance.now()];
  let [peak, heldMs, isOver] = [before.rssBytes, 0, false];
  const looks = (async () => {
    while (!isOver) {
      await sleep(watchEveryMs);
      peak = Math.max(peak, usageOf(platform.pid).rssBytes);
      const text = await (await platform.api('GET', '/metrics')).text();
      heldMs = Math.max(heldMs, 1000 * Number(/^hearth_event_loop_lag_seconds (\S+)$/m.exec(text)?.[1]));
    }
  })();
  await work();
  isOver = true;
  await looks;
  const cpuMs = usageOf(platform.pid).cpuMs - before.cpuMs;
  return { tookMs: performance.now() - startedAt, cpuMs, grownMb: (peak - before.rssBytes) / 1_048_576, heldMs };
}

function told(what: string, rest: Watched, flood: Watched): readonly Row[] {
  const cpuMs = flood.cpuMs - (rest.cpuMs * flood.tookMs) / rest.tookMs;
  const seconds = (flood.tookMs / 1000).toFixed(0);
  const { grownMb, heldMs } = flood;
  return [
    row(
      `${what}: platform CPU beyond rest, in ${seconds} s`,
      `${(cpuMs / 1000).toFixed(2)} s`,
      `<= ${goals.cpuMs / 1000} s`,
      cpuMs <= goals.cpuMs,
    ),
    row(
      `${what}: platform memory (at rest)`,
      `+${grownMb.toFixed(1)} MB (+${rest.grownMb.toFixed(1)})`,
      `<= ${goals.grownMb} MB`,
      grownMb <= goals.grownMb,
    ),
    row(
      `${what}: event loop held, worst second (at rest)`,
      `${heldMs.toFixed(1)} ms (${rest.heldMs.toFixed(1)})`,
      `<= ${goals.heldMs} ms`,
      heldMs <= goals.heldMs,
    ),
  ];
}
