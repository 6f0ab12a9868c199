import { imageUserId } from '../runtime-files.ts';
import {
  bridgeDescriptors,
  type GuestTransport,
  goOnBytes,
  goOnStatus,
  guestDevices,
  thawDescriptor,
  vsockDescriptors,
  vsockPorts,
} from './guest-init.ts';
import { StaticProgram } from './static-program.ts';

/** arch/x86/entry/syscalls/syscall_64.tbl. */
const calls = {
  write: 1,
  open: 2,
  close: 3,
  poll: 7,
  ioctl: 16,
  pipe: 22,
  dup2: 33,
  socket: 41,
  connect: 42,
  socketpair: 53,
  chdir: 80,
  chroot: 161,
  setgroups: 116,
  setresuid: 117,
  setresgid: 119,
  prctl: 157,
  setrlimit: 160,
  mount: 165,
  clock_settime: 227,
  close_range: 436,
} as const;
/** linux/prctl.h */
const capabilityBoundDrop = 24;
const setNoNewPrivileges = 38;
const highestCapability = 40;
/** asm-generic/resource.h */
const resources = { fsize: 1, core: 4, nofile: 7, memlock: 8 } as const;
const maxOpenFiles = 1024;
const maxLockedBytes = 64 * 1024;
const MiB = 1024 * 1024;
/** Files may grow a little beyond /tmp, so that a full /tmp says ENOSPC and does not kill by SIGXFSZ. */
const fileSizeSlackBytes = 16 * MiB;
/** linux/random.h RNDRESEEDCRNG. */
const reseedGenerator = 0x5207;
const writeOnly = 1;
/** linux/socket.h, linux/vm_sockets.h */
const unixFamily = 1;
const vsockFamily = 40;
const streamSocket = 1;
const hostContext = 2;
const vsockAddressBytes = 16;
/** linux/close_range.h takes descriptors up to this one. */
const lastDescriptor = 0xffff_ffff;
/** linux/mount.h MS_RDONLY, MS_NOSUID, MS_NODEV. */
const readOnlyMount = 1 | 2 | 4;
/** Of env(1) and its like: the program itself could not be started. */
const launchFailed = 126;

/** What `settle` reads: a struct timespec (the time now) and fresh random bytes. */
export const settleEntropyBytes = 64;

/**
 * Starts its arguments inside the function's root, as an unprivileged user: chroot, resource limits, no capability in any set and none to regain
 * (bounding set, no_new_privs).
 */
export function launchProgram(limits: { readonly tmpMb: number }): Buffer {
  const program = new StaticProgram(launchFailed).text('root', '/root').text('slash', '/');
  program.call(calls.chroot, { data: 'root' }).call(calls.chdir, { data: 'slash' });
  const values: Readonly<Record<keyof typeof resources, number>> = {
    fsize: limits.tmpMb * MiB + fileSizeSlackBytes,
    core: 0,
    nofile: maxOpenFiles,
    memlock: maxLockedBytes,
  };
  for (const [name, value] of Object.entries(values)) {
    const limit = Buffer.alloc(16);
    limit.writeBigUInt64LE(BigInt(value), 0);
    limit.writeBigUInt64LE(BigInt(value), 8);
    program.data(name, limit).call(calls.setrlimit, resources[name as keyof typeof resources], { data: name });
  }
  // Kernels with fewer capabilities refuse the last ones, which is fine: there is nothing to drop then.
  for (let capability = 0; capability <= highestCapability; capability++) {
    program.attempt(calls.prctl, capabilityBoundDrop, capability, 0, 0, 0);
  }
  program.call(calls.setgroups, 0, 0);
  program.call(calls.setresgid, imageUserId, imageUserId, imageUserId);
  program.call(calls.setresuid, imageUserId, imageUserId, imageUserId);
  program.call(calls.prctl, setNoNewPrivileges, 1, 0, 0, 0);
  return program.executeArguments().build();
}

/** The generator's device while a program settles. */
const generatorDescriptor = 4;
/** poll.h POLLIN, and no end to the wait. */
const canBeRead = 1;
const forEver = -1;

/**
 * Asks for the `time` on its input, reads it with fresh random bytes, sets the clock to the nanosecond, and makes the kernel's generator start anew from them: after a
 * restore every clone has the same clock and the same generator. What can be done before the question is: a clone begins behind it.
 */
export function settleProgram(): Buffer {
  return settling().build();
}

/**
 * The same for a guest that stands still: then says `settled 1`, lets the function's processes go on, and stays until the host's next request. That it ends, and what
 * init does then, takes an emulated clone as long as all that it does here; the host's next request can wait for it, the function does not.
 * Over `serial` that request begins with one of `goOnBytes`: it is init's, or the program mounts the code by itself, since a shell that starts mount(8) takes an emulated
 * clone 75 ms, the call alone 15. It says `code 1` then, and stays once more; when it cannot, it ends with `goOnStatus.noCode`.
 */
export function goOnProgram(transport: GuestTransport): Buffer {
  const answer = 'settled 1\n';
  const program = settling()
    .text('answer', answer)
    .text('zero', '0')
    .call(calls.write, 0, { data: 'answer' }, answer.length)
    .call(calls.write, thawDescriptor, { data: 'zero' }, 1);
  if (transport === 'serial') return loadingCode(program).build();
  const control = Buffer.alloc(8);
  control.writeInt16LE(canBeRead, 4);
  return program.data('control', control).call(calls.poll, { data: 'control' }, 1, forEver).build();
}

function loadingCode(program: StaticProgram): StaticProgram {
  const loaded = 'code 1\n';
  return program
    .data('request', Buffer.alloc(1))
    .text('device', guestDevices.code)
    .text('place', '/root/app')
    .text('type', 'erofs')
    .text('loaded', loaded)
    .readExactly('request', 1)
    .endIfByte('request', goOnBytes.init)
    .failWith(goOnStatus.noCode)
    .call(calls.mount, { data: 'device' }, { data: 'place' }, { data: 'type' }, readOnlyMount, 0)
    .failWith(goOnStatus.failed)
    .call(calls.write, 0, { data: 'loaded' }, loaded.length)
    .readExactly('request', 1);
}

function settling(): StaticProgram {
  const timeBytes = 16;
  const question = 'time\n';
  return new StaticProgram(goOnStatus.failed)
    .text('generator', '/dev/urandom')
    .text('question', question)
    .data('time', Buffer.alloc(timeBytes))
    .data('entropy', Buffer.alloc(settleEntropyBytes))
    .call(calls.open, { data: 'generator' }, writeOnly, 0)
    .keepResult()
    .call(calls.dup2, { register: 'r12' }, generatorDescriptor)
    .call(calls.write, 0, { data: 'question' }, question.length)
    .readExactly('time', timeBytes + settleEntropyBytes)
    .call(calls.clock_settime, 0, { data: 'time' })
    .call(calls.write, generatorDescriptor, { data: 'entropy' }, settleEntropyBytes)
    .call(calls.ioctl, generatorDescriptor, reseedGenerator, 0);
}

/**
 * Calls the host on every port of the guest's (`vsockPorts`), leaves the connections on the descriptors where init has them
 * (`vsockDescriptors`), and becomes the program that its arguments name. Nothing has to copy bytes afterwards.
 */
export function dialProgram(): Buffer {
  const program = new StaticProgram(launchFailed);
  for (const [name, port] of Object.entries(vsockPorts)) {
    // struct sockaddr_vm: family, reserved, port, context.
    const address = Buffer.alloc(vsockAddressBytes);
    address.writeUInt16LE(vsockFamily, 0);
    address.writeUInt32LE(port, 4);
    address.writeUInt32LE(hostContext, 8);
    program.data(name, address);
    program.call(calls.socket, vsockFamily, streamSocket, 0).keepResult();
    program.call(calls.connect, { register: 'r12' }, { data: name }, vsockAddressBytes);
    program.call(calls.dup2, { register: 'r12' }, vsockDescriptors[name as keyof typeof vsockPorts]);
    program.call(calls.close, { register: 'r12' });
  }
  return program.executeArguments().build();
}

/**
 * Makes what is between init and agent on one side and the bridge on the other, and becomes the program that its arguments name: pairs of sockets for control
 * and channel, pipes for the output. Descriptors up to 2 must be open and no other, so that the kernel hands out the next ones in order.
 */
export function pairProgram(): Buffer {
  const program = new StaticProgram(launchFailed).data('pair', Buffer.alloc(8));
  const pair = { data: 'pair' };
  program.call(calls.socketpair, unixFamily, streamSocket, 0, pair);
  program.call(calls.socketpair, unixFamily, streamSocket, 0, pair);
  program.call(calls.pipe, pair).call(calls.pipe, pair);
  // In the order in which they were made; the read end of a pipe comes first.
  const wanted = [
    ...[vsockDescriptors.control, bridgeDescriptors.control],
    ...[vsockDescriptors.channel, bridgeDescriptors.channel],
    ...[bridgeDescriptors.stdout, vsockDescriptors.stdout],
    ...[bridgeDescriptors.stderr, vsockDescriptors.stderr],
  ];
  const [first, aside] = [3, 32];
  wanted.forEach((_, index) => {
    program.call(calls.dup2, first + index, aside + index);
  });
  wanted.forEach((descriptor, index) => {
    program.call(calls.dup2, aside + index, descriptor);
  });
  program.call(calls.close_range, Math.max(...wanted) + 1, lastDescriptor, 0);
  return program.executeArguments().build();
}
