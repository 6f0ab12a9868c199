import { readdirSync, readFileSync } from 'node:fs';
import { poolsSchema } from '../shared/api/system.ts';
import { eventually, startPlatform } from '../tests/support/platform.ts';
import { deploy } from './support/functions.ts';
import { type Row, row } from './support/numbers.ts';

const functions = 2;
const perFunction = 100;
const source = 'export async function handler() { return { ok: true }; }';

/** 200 idle Node instances: their memory, pages that they share counted once (proportional set size), their helpers included. */
export async function idleInstances(): Promise<readonly Row[]> {
  const memoryMb = 64;
  const environment = {
    HEARTH_POOL_MEMORY_MB: String(2 * functions * perFunction * memoryMb),
    HEARTH_MAX_INSTANCES: String(functions * perFunction),
    HEARTH_PREWARM: '0',
  };
  const platform = await startPlatform({ environment });
  try {
    for (let i = 0; i < functions; i++)
      await deploy(platform, `idle-${i}`, source, { memoryMb, minInstances: perFunction, maxInstances: perFunction });
    await eventually(async () => {
      const { pools } = poolsSchema.parse(await (await platform.api('GET', '/api/v1/system/pools')).json());
      const idle = pools.flatMap((pool) => pool.instances).filter(({ state }) => state === 'idle').length;
      if (idle < functions * perFunction) throw new Error(`${idle} instances are idle`);
    }, 300_000);
    const instances = functions * perFunction;
    const mib = proportionalKib(platform.pid) / 1024;
    return [
      row(
        `${instances} idle Node instances, memory (PSS)`,
        `${mib.toFixed(0)} MiB, ${(mib / instances).toFixed(1)} MiB each`,
        '< 2048 MiB',
        mib < 2048,
      ),
    ];
  } finally {
    await platform.dispose();
  }
}

/** Of all processes that descend from `pid`, itself left out. smaps_rollup: proc(5). */
function proportionalKib(pid: number): number {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const stat = readOr(`/proc/${name}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const sum = (of: number): number =>
    (children.get(of) ?? []).reduce((kib, child) => {
      const own = Number(/^Pss:\s+(\d+) kB/m.exec(readOr(`/proc/${child}/smaps_rollup`))?.[1] ?? 0);
      return kib + own + sum(child);
    }, 0);
  return sum(pid);
}

/** Processes come and go while they are read. */
function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
