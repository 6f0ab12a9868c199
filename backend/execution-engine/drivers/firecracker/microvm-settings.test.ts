import { describe, expect, it } from 'vitest';
import { PlatformError } from '../../../../shared/errors.ts';
import { packetRateOf } from '../support/egress/packet-rates.ts';
import type { FirecrackerClient } from '../support/firecracker-api/client.ts';
import { reclaimMemory, restoreMicrovm, startMicrovm } from './microvm-settings.ts';

const { signal } = new AbortController();
const limits = { memoryMb: 128, cpus: 1.5, maxPids: 32, tmpMb: 8, egress: 'none' } as const;
const packetRate = packetRateOf(limits);
const MiB = 1024 * 1024;

/** Writes down what it is asked; statistics are answered one after the other, the last for ever. */
function recorder(statistics: readonly (object | Error)[] = []) {
  const asked: [string, unknown][] = [];
  let answered = 0;
  const handler = {
    get: (_target: object, method: string) => async (body: unknown) => {
      asked.push([method, body]);
      if (method !== 'balloonStatistics') return await Promise.resolve();
      const answer = statistics[Math.min(answered++, statistics.length - 1)];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const bodies = (method: string) => asked.filter(([name]) => name === method).map(([, body]) => body);
  return { client: new Proxy({}, handler) as FirecrackerClient, asked, bodies };
}

describe('what is set for a microVM', () => {
  it('limits disks by its CPUs and the generator, and lets the balloon give memory back', async () => {
    const { client, asked, bodies } = recorder();
    await startMicrovm(client, { limits, hasCode: true, packetRate, signal });
    const second = { refill_time: 1000 };
    for (const drive of bodies('addDrive')) {
      expect(drive).toMatchObject({
        is_read_only: true,
        rate_limiter: { bandwidth: { size: 384 * MiB, ...second }, ops: { size: 30_000, ...second } },
      });
    }
    expect(bodies('addDrive')).toHaveLength(2);
    expect(bodies('setEntropy')).toEqual([{ rate_limiter: { bandwidth: { size: 64 * 1024, ...second } } }]);
    expect(bodies('setBalloon')).toEqual([{ amount_mib: 0, deflate_on_oom: true, stats_polling_interval_s: 1 }]);
    expect(bodies('setMachine')).toMatchObject([{ vcpu_count: 2, smt: false }]);
    expect(bodies('addNetworkInterface')).toEqual([]);
    expect(asked.at(-1)?.[0]).toBe('start');
  });

  it('has a network card, limited by its CPUs, only where the function may reach the network', async () => {
    const { client, bodies } = recorder();
    await startMicrovm(client, { limits: { ...limits, egress: 'all' }, hasCode: true, packetRate, signal });
    const rate = {
      bandwidth: { size: 96 * MiB, refill_time: 1000 },
      ops: { size: 75_000, refill_time: 1000 },
    };
    expect(bodies('addNetworkInterface')).toMatchObject([
      { iface_id: 'eth0', host_dev_name: 'tap', rx_rate_limiter: rate, tx_rate_limiter: rate },
    ]);
  });

  it('sets nothing but logger and metrics before a snapshot is loaded, which would not be allowed', async () => {
    const { client, asked } = recorder();
    await restoreMicrovm(client, signal);
    expect(asked.map(([method]) => method)).toEqual(['setLogger', 'setMetrics', 'loadSnapshot']);
    expect(asked.at(-1)?.[1]).toMatchObject({ mem_backend: { backend_type: 'File' }, resume_vm: true });
  });
});

describe('memory that a guest can spare', () => {
  it('is asked for but for a fifth, and waited for', async () => {
    const before = { available_memory: 50 * MiB, actual_mib: 10 };
    const { client, bodies } = recorder([before, { actual_mib: 30 }, { actual_mib: 50 }]);
    await reclaimMemory(client);
    expect(bodies('inflateBalloon')).toEqual([50]);
    expect(bodies('balloonStatistics')).toHaveLength(3);
  });

  it('is left alone where the guest has no balloon, and other errors are told', async () => {
    const refused = new PlatformError('unavailable', 'firecracker_refused', 'Balloon statistics are not enabled.');
    const { client, bodies } = recorder([refused]);
    await reclaimMemory(client);
    expect(bodies('inflateBalloon')).toEqual([]);
    const gone = new PlatformError('unavailable', 'firecracker_gone', 'it has ended');
    await expect(reclaimMemory(recorder([gone]).client)).rejects.toBe(gone);
  });
});
