import type { SandboxLimits } from '../../../core/ports/isolation-driver.ts';
import { diskRateOf, throttling } from '../support/guest/disk-rate.ts';
import { type Accelerator, jailedQemu } from '../support/guest/jailed-qemu.ts';
import { descriptors as jailDescriptors } from '../support/jail/bwrap-arguments.ts';

/** Descriptors that QEMU inherits, after those of bwrap. Only the first of them, an agent's channel elsewhere, is not used. */
export const descriptors = {
  unused: jailDescriptors.channel,
  status: jailDescriptors.status,
  arguments: jailDescriptors.arguments,
  channel: 7,
  console: 8,
  boot: 9,
  runtime: 10,
  tmp: 11,
  code: 12,
} as const;

/** Where the agent calls its host: an address that exists in QEMU alone, and leads to the inherited descriptor. */
export const channelAddress = { host: '10.0.2.100', port: 1025 } as const;
/** Kernel, page tables, and the interpreter's own pages, which Nanos keeps in the same memory. */
const kernelMb = 96;
/** What QEMU needs beside the guest's memory: its own code and heap, and translated code under emulation. */
const vmmOverheadMb = 96;
const translationMb = 64;
/** QEMU reads disks with up to 64 threads of its own. */
const vmmThreads = 80;

/** Memory of the whole guest, in MiB. */
export function unikernelMemoryMb(limits: SandboxLimits): number {
  return limits.memoryMb + kernelMb;
}

/** Limits of the control group that QEMU is in. There is no other one: a unikernel has no control groups inside, so CPU time counts QEMU's own work. */
export function hostLimits(limits: SandboxLimits, accelerator: Accelerator) {
  const own = vmmOverheadMb + (accelerator === 'tcg' ? translationMb : 0);
  return {
    memoryBytes: (unikernelMemoryMb(limits) + own) * 1024 * 1024,
    cpus: limits.cpus,
    maxPids: vmmThreads + processors(limits),
  };
}

/**
 * The command line of QEMU inside its jail: a PC without anything that is not needed, and disks, console and channel on inherited descriptors. The guest's network
 * ends in QEMU: `restrict=on` lets nothing pass but what is forwarded, which is one address, to one descriptor.
 */
export function qemuCommand(options: {
  readonly limits: SandboxLimits;
  readonly accelerator: Accelerator;
  readonly hasCode: boolean;
}): readonly string[] {
  const { limits, accelerator, hasCode } = options;
  const isEmulated = accelerator === 'tcg';
  const forward = `guestfwd=tcp:${channelAddress.host}:${channelAddress.port}-chardev:channel`;
  const rate = throttling(diskRateOf(limits));
  // Without KVM's clock Nanos measures the processor by this timer, and takes a pause of more than 55 ms that falls into that for a shorter one: its clock would
  // run several times too slowly ever after. Where the timer is missing it reads the HPET, whose rate is known.
  const machine = isEmulated ? 'q35,pit=off' : 'q35';
  const disks = ['boot', 'runtime', 'tmp', ...(hasCode ? (['code'] as const) : [])] as const;
  return [
    jailedQemu,
    ...['-machine', machine, '-no-user-config', '-nodefaults', '-vga', 'none', '-display', 'none', '-no-reboot'],
    ...['-accel', isEmulated ? `tcg,thread=multi,tb-size=${translationMb}` : 'kvm'],
    ...['-cpu', isEmulated ? 'max' : 'host', '-smp', String(processors(limits)), '-m', `${unikernelMemoryMb(limits)}M`],
    ...['-chardev', `socket,id=console,fd=${descriptors.console}`, '-serial', 'chardev:console'],
    ...['-device', 'isa-debug-exit'],
    ...['-chardev', `socket,id=channel,fd=${descriptors.channel}`],
    ...['-netdev', `user,id=net,restrict=on,ipv6=off,${forward}`, '-device', 'virtio-net-pci,netdev=net,romfile='],
    ...disks.flatMap((name) => [
      '-drive',
      `if=none,id=${name},file=/proc/self/fd/${descriptors[name]},format=raw,file.locking=off,${rate}${name === 'tmp' ? '' : ',readonly=on'}`,
      ...['-device', `virtio-blk-pci,drive=${name}`],
    ]),
    ...['-object', 'rng-random,id=random,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=random'],
  ];
}

function processors(limits: SandboxLimits): number {
  return Math.max(1, Math.ceil(limits.cpus));
}
