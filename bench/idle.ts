import { setTimeout as sleep } from 'node:timers/promises';
import { startPlatform } from '../tests/support/platform.ts';
import { type Row, row } from './support/numbers.ts';
import { usageOf } from './support/processes.ts';
import { progress } from './support/progress.ts';

/** The platform with nothing to do: memory of its process, and CPU over ten seconds, soon after its start and later. */
export async function idle(): Promise<readonly Row[]> {
  const platform = await startPlatform();
  try {
    await sleep(5000);
    progress('ten seconds of nothing');
    const [cpuPercent, rssMb] = await tenSeconds(platform.pid);
    await sleep(15_000);
    progress('ten seconds more');
    const [laterPercent, laterMb] = await tenSeconds(platform.pid);
    return [
      row('idle platform, resident memory', `${rssMb.toFixed(0)} MB`, '< 130 MB', rssMb < 130),
      row('idle platform, CPU over 10 s', `${cpuPercent.toFixed(1)} % of one core`, '< 2 %', cpuPercent < 2),
      row('half a minute after its start, resident memory', `${laterMb.toFixed(0)} MB`, '< 130 MB', laterMb < 130),
      row('the same, CPU over 10 s', `${laterPercent.toFixed(1)} % of one core`, '< 2 %', laterPercent < 2),
    ];
  } finally {
    await platform.dispose();
  }
}

/** CPU of them in percent of one core, and resident memory at their end in MiB. */
async function tenSeconds(pid: number): Promise<readonly [cpuPercent: number, rssMb: number]> {
  const before = usageOf(pid);
  await sleep(10_000);
  const after = usageOf(pid);
  return [(after.cpuMs - before.cpuMs) / 100, after.rssBytes / 1_048_576];
}
