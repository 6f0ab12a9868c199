import { poolsSchema } from '../shared/api/system.ts';
import { eventually, startPlatform } from '../tests/support/platform.ts';
import { platformTree, readProcess } from '../tests/support/process-tree.ts';
import { deploy } from './support/functions.ts';
import { type Row, row } from './support/numbers.ts';
import { progress } from './support/progress.ts';

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
    progress(`waiting for ${functions * perFunction} instances`);
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
  const [, ...below] = platformTree(pid);
  const pssOf = (of: number): number =>
    Number(/^Pss:\s+(\d+) kB/m.exec(readProcess(of, 'smaps_rollup').toString())?.[1] ?? 0);
  return below.reduce((kib, child) => kib + pssOf(child.pid), 0);
}
