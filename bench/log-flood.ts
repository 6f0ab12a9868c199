import { startPlatform } from '../tests/support/platform.ts';
import { deploy } from './support/functions.ts';
import { type Row, row } from './support/numbers.ts';
import { usageOf } from './support/processes.ts';
import { progress } from './support/progress.ts';

const sources: Readonly<Record<string, string>> = {
  'console.log': `export async function handler() {
  const line = 'x'.repeat(1023);
  for (let i = 0; i < 1_048_576; i++) console.log(line);
  return 'printed';
}`,
  'raw stdout': `import { writeSync } from 'node:fs';
export async function handler() {
  const block = Buffer.alloc(65_536, 'x'.repeat(1023) + '\\n');
  for (let i = 0; i < 16_384; i++) writeSync(1, block);
  return 'printed';
}`,
};

/** A function that prints 1 GB: what it costs the platform's own process in CPU time and memory. */
export async function logFlood(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [how, source] of Object.entries(sources)) {
    progress(how);
    const platform = await startPlatform();
    try {
      await deploy(platform, 'flood', source, { timeoutMs: 20_000 });
      await deploy(platform, 'quiet', 'export async function handler() { return 1; }');
      await fetch(`${platform.gatewayUrl}/quiet`);
      const before = usageOf(platform.pid);
      let peak = before.rssBytes;
      const sampler = setInterval(() => {
        peak = Math.max(peak, usageOf(platform.pid).rssBytes);
      }, 50);
      const response = await fetch(`${platform.gatewayUrl}/flood`);
      await response.arrayBuffer();
      clearInterval(sampler);
      const cpuMs = usageOf(platform.pid).cpuMs - before.cpuMs;
      const grownMb = (peak - before.rssBytes) / 1_048_576;
      rows.push(
        row(
          `1 GB printed with ${how} (${response.status}): platform CPU`,
          `${(cpuMs / 1000).toFixed(2)} s`,
          '< 0.5 s',
          cpuMs < 500,
        ),
        row(`1 GB printed with ${how}: platform memory`, `+${grownMb.toFixed(1)} MB`, '< 32 MB', grownMb < 32),
      );
    } finally {
      await platform.dispose();
    }
  }
  return rows;
}
