import { setTimeout as delay } from 'node:timers/promises';
import { PlatformError } from '../../../../shared/errors.ts';
import type { SandboxLimits } from '../../../core/ports/isolation-driver.ts';
import { guestCard, tapName } from '../support/egress/guest-network.ts';
import type { PacketRate } from '../support/egress/packet-rates.ts';
import type { FirecrackerClient } from '../support/firecracker-api/client.ts';
import { diskRateOf } from '../support/guest/disk-rate.ts';
import { guestDevices } from '../support/guest/guest-init.ts';
import { guestMemoryMb, guestProcessors } from '../support/guest/guest-size.ts';
import { kernelArguments } from '../support/guest/kernel-arguments.ts';
import { jailed } from './jail-directory.ts';

/** Drives as the guest sees them, in the order in which they are added. */
/** Any but 0 to 2; each guest has a vsock of its own. */
const guestContext = 3;
/** Seeds for a generator, not a stream of random bytes. */
const entropyBytesPerSecond = 64 * 1024;
/** A second's worth may come at once. */
const refillMs = 1000;
/** What Firecracker needs beside the guest's memory: its own code and heap. It promises 5 MiB; page tables of KVM come on top. */
const vmmOverheadMb = 64;
/** Firecracker has one thread for its API, one for devices and one per virtual processor. */
const vmmThreads = 80;
/** Firecracker's own threads beside the guest's. */
const vmmCpus = 0.25;

/** Limits of the control group that Firecracker is in: the wall behind the guest's own control group. */
export function hostLimits(limits: SandboxLimits) {
  return {
    memoryBytes: (guestMemoryMb(limits) + vmmOverheadMb) * 1024 * 1024,
    cpus: limits.cpus + vmmCpus,
    maxPids: vmmThreads + guestProcessors(limits),
  };
}

/** Everything that is set before a microVM is started, and the start. */
export async function startMicrovm(
  client: FirecrackerClient,
  options: {
    readonly limits: SandboxLimits;
    readonly hasCode: boolean;
    /** Of the network card, where it has one. */
    readonly packetRate: PacketRate;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { limits, hasCode, packetRate, signal } = options;
  const { bytesPerSecond, operationsPerSecond } = diskRateOf(limits);
  await setSinks(client, signal);
  const processors = guestProcessors(limits);
  await client.setMachine({ vcpu_count: processors, mem_size_mib: guestMemoryMb(limits), smt: false }, signal);
  const boot_args = kernelArguments({ ...guestDevices, hasCode, isEmulated: false, reboot: 'k' });
  await client.setBootSource({ kernel_image_path: jailed.kernel, initrd_path: jailed.initrd, boot_args }, signal);
  for (const name of ['root', 'code'] as const) {
    await client.addDrive(
      {
        drive_id: name,
        path_on_host: jailed[name],
        // The initial RAM disk mounts it; Firecracker is not to add arguments for a root device.
        is_root_device: false,
        is_read_only: true,
        rate_limiter: limiter(bytesPerSecond, operationsPerSecond),
      },
      signal,
    );
  }
  if (limits.egress === 'all') await addNetworkCard(client, packetRate, signal);
  await client.setVsock({ guest_cid: guestContext, uds_path: jailed.vsock }, signal);
  const bandwidth = { size: entropyBytesPerSecond, refill_time: refillMs };
  await client.setEntropy({ rate_limiter: { bandwidth } }, signal);
  await client.setBalloon({ amount_mib: 0, deflate_on_oom: true, stats_polling_interval_s: 1 }, signal);
  await client.start(signal);
}

/** A microVM that is what another one was when its snapshot was taken, and runs. Its files must have the names that they had there. */
export async function restoreMicrovm(client: FirecrackerClient, signal: AbortSignal): Promise<void> {
  await setSinks(client, signal);
  const mem_backend = { backend_type: 'File', backend_path: jailed.memory } as const;
  await client.loadSnapshot({ snapshot_path: jailed.state, mem_backend, resume_vm: true }, signal);
}

async function addNetworkCard(client: FirecrackerClient, packetRate: PacketRate, signal: AbortSignal): Promise<void> {
  const rate = limiter(packetRate.bytesPerSecond, packetRate.packetsPerSecond);
  const limiters = { rx_rate_limiter: rate, tx_rate_limiter: rate };
  const card = { iface_id: 'eth0', host_dev_name: tapName, guest_mac: guestCard.mac, ...limiters };
  await client.addNetworkInterface(card, signal);
}

async function setSinks(client: FirecrackerClient, signal: AbortSignal): Promise<void> {
  await client.setLogger({ log_path: jailed.log, level: 'Warning', show_level: true }, signal);
  await client.setMetrics({ metrics_path: jailed.metrics }, signal);
}

function limiter(bytesPerSecond: number, operationsPerSecond: number) {
  const bucket = (size: number) => ({ size, refill_time: refillMs });
  return { bandwidth: bucket(bytesPerSecond), ops: bucket(operationsPerSecond) };
}

const reclaimPatienceMs = 300;
const reclaimPollMs = 10;
/** What a guest keeps of the memory that it could give away, so that it need not take it back at once. */
const keptShare = 0.2;
const MiB = 1024 * 1024;

/** Blows the balloon up by what the guest says it can spare, and waits a moment for it. A guest that does not play along keeps its memory. */
export async function reclaimMemory(client: FirecrackerClient): Promise<void> {
  try {
    const { available_memory: available = 0, actual_mib: before } = await client.balloonStatistics();
    const target = before + Math.floor((available * (1 - keptShare)) / MiB);
    await client.inflateBalloon(target);
    const deadline = performance.now() + reclaimPatienceMs;
    while (performance.now() < deadline && (await client.balloonStatistics()).actual_mib < target) {
      await delay(reclaimPollMs);
    }
  } catch (error) {
    if (!(error instanceof PlatformError && error.code === 'firecracker_refused')) throw error;
    // A kernel without the balloon's driver has no statistics.
  }
}
