import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, startPlatform } from '../tests/support/platform.ts';
import { type ProcessFacts, platformTree } from '../tests/support/process-tree.ts';
import { deploy } from './support/functions.ts';
import { median, type Row, row } from './support/numbers.ts';
import { poolsOf } from './support/pools.ts';
import { kibOf } from './support/processes.ts';
import { progress } from './support/progress.ts';

const functions = 2;
const perFunction = 100;
/** Of an empty program, for the median. */
const bareNodes = 20;
const settleMs = 2000;
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
      const { pools } = await poolsOf(platform);
      const idle = pools.flatMap((pool) => pool.instances).filter(({ state }) => state === 'idle').length;
      if (idle < functions * perFunction) throw new Error(`${idle} instances are idle`);
    }, 300_000);
    const instances = functions * perFunction;
    const [, ...below] = platformTree(platform.pid);
    const mib = kibOf(below, 'Pss') / 1024;
    progress('beside bare Node');
    const beyond = await beyondRuntime(below, instances);
    return [
      row(
        `${instances} idle Node instances, memory (PSS)`,
        `${mib.toFixed(0)} MiB, ${(mib / instances).toFixed(1)} MiB each`,
        '< 2048 MiB',
        mib < 2048,
      ),
      row(
        'of each beyond the runtime: launcher (PSS) and what the agent has more than an empty program (USS)',
        `${(beyond.launcher + beyond.agent).toFixed(2)} MiB: ${beyond.launcher.toFixed(2)} and ${beyond.agent.toFixed(2)}`,
        '<= 1 MiB',
        beyond.launcher + beyond.agent <= 1,
      ),
    ];
  } finally {
    await platform.dispose();
  }
}

/** In MiB of one instance, by medians. What is shared with nobody tells agent and empty program apart; of the launcher, which all share, each has its part. */
async function beyondRuntime(
  below: readonly ProcessFacts[],
  instances: number,
): Promise<{ readonly launcher: number; readonly agent: number }> {
  const programs = below.map((process) => ({ ...process, argv: process.commandLine.toString().split('\0') }));
  const launchers = programs.filter(({ argv }) => /\/bwrap$/.test(argv[0] ?? ''));
  const agents = programs.filter(({ argv }) => argv[0] === '/hearth/node');
  const flags = agents[0]?.argv.slice(1, -2) ?? [];
  const idle = Array.from({ length: bareNodes }, () =>
    spawn(process.execPath, [...flags, '-e', 'setInterval(() => {}, 1 << 30)'], { stdio: 'ignore' }),
  );
  try {
    await sleep(settleMs);
    // Medians: a sandbox that waits for the next version of the shape is among them, and has loaded much for it.
    const privateKib = (pids: readonly (number | undefined)[]): number =>
      median(pids.map((pid) => kibOf([{ pid: pid ?? 0 }], 'Private')));
    const [agent, bare] = [privateKib(agents.map(({ pid }) => pid)), privateKib(idle.map(({ pid }) => pid))];
    return { launcher: kibOf(launchers, 'Pss') / instances / 1024, agent: (agent - bare) / 1024 };
  } finally {
    for (const node of idle) node.kill('SIGKILL');
  }
}
