import { setTimeout as sleep } from 'node:timers/promises';
import { startPlatform } from '../tests/support/platform.ts';
import { type Row, row } from './support/numbers.ts';
import { usageOf } from './support/processes.ts';
import { progress } from './support/progress.ts';

/** The platform with nothing to do: memory of its process, and CPU over ten seconds. */
export async function idle(): Promise<readonly Row[]> {
  const platform = await startPlatform();
  try {
    await sleep(5000);
    progress('ten seconds of nothing');
    const before = usageOf(platform.pid);
    await sleep(10_000);
    const after = usageOf(platform.pid);
    const rssMb = after.rssBytes / 1_048_576;
    const cpuPercent = (after.cpuMs - before.cpuMs) / 100;
    return [
      row('idle platform, resident memory', `${rssMb.toFixed(0)} MB`, '< 130 MB', rssMb < 130),
      row('idle platform, CPU over 10 s', `${cpuPercent.toFixed(1)} % of one core`, 'not busy', cpuPercent < 2),
    ];
  } finally {
    await platform.dispose();
  }
}
