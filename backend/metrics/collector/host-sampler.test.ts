import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ManualClock } from '../../../tests/fakes/manual-clock.ts';
import { recordingLogger } from '../../../tests/support/metrics-fixture.ts';
import { HostSampler, type HostSamplerOptions, parseProcStat } from './host-sampler.ts';

async function samplerOf(options: Partial<HostSamplerOptions> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'hearth-host-'));
  const clock = new ManualClock();
  const { logger, messages } = recordingLogger();
  const sampler = new HostSampler({ clock, logger, dataDirectory: directory, ...options });
  onTestFinished(async () => {
    await sampler.close();
    await rm(directory, { recursive: true });
  });
  return { sampler, clock, messages, directory };
}

/** Sampling reads real files, so a step of the manual clock is over only some turns of the loop later. */
async function until(isReached: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!isReached() && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
  expect(isReached()).toBe(true);
}

describe('HostSampler', () => {
  test('measures this host', async () => {
    const { sampler, clock } = await samplerOf();
    await sampler.start();
    const sample = sampler.latest();
    expect(sample.memoryUsedBytes).toBeGreaterThan(0);
    expect(sample.memoryUsedBytes).toBeLessThan(sample.memoryTotalBytes);
    expect(sample.platformRssBytes).toBeGreaterThan(10_000_000);
    expect(sample.diskFreeBytes).toBeGreaterThan(0);
    expect(sample.cpus).toBeGreaterThanOrEqual(1);
    await sampler.close();
    expect(clock.pendingTimers).toBe(0);
  });

  test('gives the share of CPU between two samples', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hearth-stat-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const procStatPath = join(directory, 'stat');
    await writeFile(procStatPath, 'cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 1 1 1\n');
    const { sampler, clock } = await samplerOf({ procStatPath });
    await sampler.start();
    expect(sampler.latest().cpuPercent).toBe(0);
    await writeFile(procStatPath, 'cpu  150 0 120 720 110 0 0 0 0 0\n');
    clock.advance(1_000);
    await until(() => sampler.latest().cpuPercent > 0);
    expect(sampler.latest().cpuPercent).toBe(70);
  });

  test('goes on without what cannot be read, and says so once', async () => {
    const { sampler, clock, messages } = await samplerOf({
      dataDirectory: '/nonexistent',
      procStatPath: '/nonexistent',
    });
    await sampler.start();
    const first = sampler.latest();
    clock.advance(1_000);
    await until(() => sampler.latest() !== first);
    expect([sampler.latest().diskFreeBytes, messages]).toEqual([
      0,
      ['the free space of the data directory cannot be read'],
    ]);
  });

  test.each(['', 'cpu', 'cpu  1 2', 'cpu  a b c d', 'intr 1 2 3 4'])('reads nothing from %j', (text) => {
    expect(parseProcStat(text)).toBeUndefined();
  });
});
