import { tapName } from '../egress/guest-network.ts';
import { StaticProgram } from './static-program.ts';

/** arch/x86/entry/syscalls/syscall_64.tbl. */
const calls = { open: 2, close: 3, ioctl: 16, dup2: 33, setns: 308 } as const;
const readWrite = 2;
/** linux/sched.h CLONE_NEWNET. */
const networkNamespace = 0x4000_0000;
/** linux/if_tun.h TUNSETIFF; IFF_TAP, IFF_NO_PI, IFF_VNET_HDR: frames with the header in which guests leave sums and large segments to the host. */
const attach = 0x400454ca;
const flags = 0x0002 | 0x1000 | 0x4000;
/** struct ifreq: 16 bytes of name, then the flags. */
const requestBytes = 40;
const nameBytes = 16;
const failed = 126;

/**
 * Goes into the network namespace that descriptor `place` is open on, puts the tap device there in its place, and becomes the program that its arguments name,
 * which needs no right to either. Needs root.
 */
export function tapProgram(place: number): Buffer {
  const request = Buffer.alloc(requestBytes);
  request.write(tapName, 0, 'latin1');
  request.writeUInt16LE(flags, nameBytes);
  return new StaticProgram(failed)
    .text('device', '/dev/net/tun')
    .data('request', request)
    .call(calls.setns, place, networkNamespace)
    .call(calls.open, { data: 'device' }, readWrite, 0)
    .keepResult()
    .call(calls.ioctl, { register: 'r12' }, attach, { data: 'request' })
    .call(calls.dup2, { register: 'r12' }, place)
    .call(calls.close, { register: 'r12' })
    .executeArguments()
    .build();
}
