import type { SandboxLimits } from '../../../core/ports/isolation-driver.ts';
import { guestCard } from '../support/egress/guest-network.ts';
import { type DiskRate, throttling } from '../support/guest/disk-rate.ts';
import { guestDevices, guestPorts } from '../support/guest/guest-init.ts';
import { guestMemoryMb, guestProcessors } from '../support/guest/guest-size.ts';
import { type Accelerator, jailedQemu } from '../support/guest/jailed-qemu.ts';
import { kernelArguments } from '../support/guest/kernel-arguments.ts';
import { descriptors as jailDescriptors } from '../support/jail/bwrap-arguments.ts';

/** Descriptors that QEMU inherits, after those of bwrap. QMP takes the place of what is an agent's channel in a process sandbox. */
export const descriptors = {
  qmp: jailDescriptors.channel,
  filter: jailDescriptors.filter,
  status: jailDescriptors.status,
  arguments: jailDescriptors.arguments,
  channel: 7,
  stdout: 8,
  stderr: 9,
  control: 10,
  console: 11,
  /** Of a clone: what QEMU saved, beside the guest's memory. */
  state: 12,
  kernel: 13,
  initrd: 14,
  root: 15,
  code: 16,
  memory: 17,
  /** The file that QEMU writes its own state to when the guest is snapshotted. */
  saved: 18,
  /** Of a guest with a network card: its tap device. */
  tap: 19,
} as const;

const machine = 'microvm,acpi=on,rtc=off,pit=off,pic=off,isa-serial=on,suppress-vmdesc=on';
/**
 * Without fast string instructions: QEMU carries them out byte by byte, and the guest's kernel and C library then copy and clear memory eight bytes at a time, which
 * takes a sixth off the CPU time of a boot.
 */
const emulatedProcessor = 'max,erms=off,fsrm=off';
/** What QEMU needs beside the guest's memory: its own code and heap, and translated code under emulation. */
const translationMb = 64;
const vmmOverheadMb = 96;
/** QEMU reads disks with up to 64 threads of its own. */
const vmmThreads = 80;
/** QEMU's own threads beside the guest's: they answer disks and ports. */
const vmmCpus = 0.25;

/** Limits of the control group that QEMU itself is in: the wall behind the guest's own control group. */
export function hostLimits(limits: SandboxLimits, accelerator: Accelerator) {
  const own = vmmOverheadMb + (accelerator === 'tcg' ? translationMb : 0);
  return {
    memoryBytes: (guestMemoryMb(limits) + own) * 1024 * 1024,
    cpus: limits.cpus + vmmCpus,
    maxPids: vmmThreads + guestProcessors(limits),
  };
}

/**
 * The command line of QEMU inside its jail. Everything it uses is a descriptor that it inherits; it opens no path of the host. No `-sandbox`: that is a list of
 * forbidden calls, installed by a call that the jail's own list of allowed ones does not have.
 */
export function qemuCommand(options: {
  readonly limits: SandboxLimits;
  readonly accelerator: Accelerator;
  readonly hasCode: boolean;
  /** A clone of a snapshot: it waits for the state. */
  readonly isClone: boolean;
  /** False: it maps the memory of a snapshot privately. */
  readonly ownsMemory: boolean;
  /** Of each disk. */
  readonly diskRate: DiskRate;
}): readonly string[] {
  const { limits, accelerator, isClone, ownsMemory, diskRate } = options;
  const isEmulated = accelerator === 'tcg';
  const append = kernelArguments({ ...guestDevices, hasCode: options.hasCode, isEmulated });
  const kernel = [
    '-kernel',
    inherited(descriptors.kernel),
    '-initrd',
    inherited(descriptors.initrd),
    '-append',
    append,
  ];
  const memory = `memory-backend-file,id=ram,size=${guestMemoryMb(limits)}M,mem-path=${inherited(descriptors.memory)}`;
  return [
    jailedQemu,
    ...['-machine', `${machine},memory-backend=ram`, '-no-user-config', '-nodefaults'],
    ...['-object', `${memory},share=${ownsMemory ? 'on' : 'off'}`],
    ...['-accel', isEmulated ? `tcg,thread=multi,tb-size=${translationMb}` : 'kvm'],
    ...[
      '-cpu',
      isEmulated ? emulatedProcessor : 'host',
      '-smp',
      String(guestProcessors(limits)),
      '-m',
      `${guestMemoryMb(limits)}M`,
    ],
    ...['-display', 'none', '-no-reboot'],
    // Without it a clone would stop again once it has its state, as its original stood still when that was saved.
    ...['-global', 'migration.store-global-state=off'],
    // What QEMU saves of its devices alone has no section of that kind.
    ...['-global', 'migration.send-configuration=off'],
    ...(isClone ? ['-incoming', 'defer'] : kernel),
    ...['-chardev', `socket,id=qmp,fd=${descriptors.qmp}`, '-mon', 'chardev=qmp,mode=control'],
    ...['-chardev', `socket,id=console,fd=${descriptors.console}`, '-serial', 'chardev:console'],
    ...['-device', 'virtio-serial-device,max_ports=5'],
    ...Object.entries(guestPorts).flatMap(([name, number]) => [
      ...['-chardev', `socket,id=${name},fd=${descriptors[name as keyof typeof guestPorts]}`],
      ...['-device', `virtserialport,chardev=${name},nr=${number},name=hearth.${name}`],
    ]),
    ...(['root', 'code'] as const).flatMap((name) => [
      '-drive',
      `if=none,id=${name},file=${inherited(descriptors[name])},format=raw,readonly=on,file.locking=off,${throttling(diskRate)}`,
      ...['-device', `virtio-blk-device,drive=${name}`],
    ]),
    ...(limits.egress === 'none' ? [] : networkCard),
    ...['-object', 'rng-random,id=random,filename=/dev/urandom', '-device', 'virtio-rng-device,rng=random'],
  ];
}

/** QEMU itself is in a network namespace with nothing in it. */
const networkCard = [
  ...['-netdev', `tap,id=net,fd=${descriptors.tap},vhost=off`],
  ...['-device', `virtio-net-device,netdev=net,mac=${guestCard.mac}`],
];

function inherited(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}
