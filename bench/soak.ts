import { readdirSync } from 'node:fs';
import { type Platform, startPlatform } from '../tests/support/platform.ts';
import { deploy, echoSource, oneKilobyte } from './support/functions.ts';
import { median, type Row, row, slope } from './support/numbers.ts';
import { usageOf } from './support/processes.ts';
import { progress } from './support/progress.ts';
import { load } from './support/wrk.ts';

/** Minutes of load; the first tenth warms up (compiled code, caches, pools) and is not counted. */
export const soakMinutes = Number(process.env['HEARTH_BENCH_SOAK_MINUTES'] ?? 10);
const stepSeconds = 5;

interface Sample {
  readonly minute: number;
  readonly rssMb: number;
  readonly descriptors: number;
  readonly p99Ms: number;
  readonly perSecond: number;
}

/** Ten minutes of warm calls: what grows shows as a slope. */
export async function soak(): Promise<readonly Row[]> {
  const platform = await startPlatform();
  try {
    await deploy(platform, 'echo', echoSource, { concurrency: 32, maxInstances: 1 });
    const samples: Sample[] = [];
    let failures = 0;
    for (let step = 0; step * stepSeconds < soakMinutes * 60; step++) {
      if (step % 12 === 0) progress(`minute ${(step * stepSeconds) / 60} of ${soakMinutes}`);
      const url = `${platform.gatewayUrl}/echo`;
      const result = await load({ url, connections: 32, seconds: stepSeconds, body: oneKilobyte });
      failures += result.failures;
      samples.push({ ...sampleOf(platform), minute: (step * stepSeconds) / 60, ...result });
    }
    return report(samples.slice(Math.ceil(samples.length / 10)), failures);
  } finally {
    await platform.dispose();
  }
}

function sampleOf(platform: Platform): Pick<Sample, 'rssMb' | 'descriptors'> {
  const descriptors = readdirSync(`/proc/${platform.pid}/fd`).length;
  return { rssMb: usageOf(platform.pid).rssBytes / 1_048_576, descriptors };
}

function report(samples: readonly Sample[], failures: number): readonly Row[] {
  const perHour = (of: (sample: Sample) => number): number =>
    slope(samples.map((sample) => ({ x: sample.minute / 60, y: of(sample) })));
  const half = Math.floor(samples.length / 2);
  const rateOf = (part: readonly Sample[]): number => median(part.map((sample) => sample.perSecond));
  const drift = rateOf(samples.slice(half)) / rateOf(samples.slice(0, half));
  const memory = perHour((sample) => sample.rssMb);
  const last = samples.at(-1);
  return [
    row(
      `soak of ${soakMinutes} min, 32 connections: throughput, second half / first half`,
      drift.toFixed(2),
      '>= 0.9',
      drift >= 0.9,
    ),
    row('soak: resident memory at the end', `${last?.rssMb.toFixed(0)} MB, slope ${memory.toFixed(0)} MB/h`),
    row('soak: p99', `slope ${perHour((sample) => sample.p99Ms).toFixed(1)} ms/h`),
    row(
      'soak: open descriptors',
      `${last?.descriptors}, slope ${perHour((sample) => sample.descriptors).toFixed(1)} /h`,
    ),
    row('soak: failed requests', String(failures), '0', failures === 0),
  ];
}
