import { guestCard } from '../egress/guest-network.ts';

/** How a guest and its host talk: ports of virtio-serial (QEMU), or connections over vsock (Firecracker). */
export type GuestTransport = 'serial' | 'vsock';

/** Numbers of the virtio-serial ports between host and guest; 0 is reserved for a console. */
export const guestPorts = { channel: 1, stdout: 2, stderr: 3, control: 4 } as const;
export type GuestPortName = keyof typeof guestPorts;

/** Over vsock the guest calls these ports of its host (CID 2), the control port last. */
export const vsockPorts = { channel: 1025, stdout: 1026, stderr: 1027, control: 1028 } as const;
/** In the bridge: its calls. In init: the descriptors for the output and for control, and the one that the agent inherits. */
export const vsockDescriptors = { channel: 8, stdout: 6, stderr: 7, control: 5 } as const;
/** The bridge's ends of what init and agent have under the numbers above. */
export const bridgeDescriptors = { channel: 9, stdout: 3, stderr: 1, control: 4 } as const;

/** Where the program `go-on` has the file that lets the function's processes run again: cgroup.freeze, open for writing. */
export const thawDescriptor = 3;

/** How the program `go-on` ends when something fails: the time could not be set, or the code is not mounted. */
export const goOnStatus = { failed: 1, noCode: 2 } as const;

/** Over `serial`, what a request to a guest whose `go-on` waits begins with: a line for init follows, or nothing, and `go-on` mounts the code. */
export const goOnBytes = { init: 0x0a, code: 0x63 } as const;

/** What guests name their disks. */
export const guestDevices = { root: '/dev/vda', code: '/dev/vdb' } as const;

/** Where the agent finds the channel to the host. */
const guestChannelPath = '/dev/hearth-channel';

/** What HEARTH_CHANNEL says inside a guest. */
export function guestChannel(transport: GuestTransport): string {
  return transport === 'serial' ? `serial:${guestChannelPath}` : `fd:${vsockDescriptors.channel}`;
}

/** What differs between the transports: shell code at the places where it belongs. */
interface TransportParts {
  /** Until its devices are there; then 5, 6 and 7 are control, stdout and stderr. */
  readonly open: string;
  /** The agent's ends of channel and output. */
  readonly channel: string;
  /** Where the agent's output goes. */
  readonly output: string;
  /** Before the code device is mounted. */
  readonly beforeCode: string;
  /** What init itself lets go of, so that the end of the agent ends its streams. */
  readonly release: string;
  /** The same where the agent is waited for. */
  readonly releaseWhenOver: string;
}

const waiting = (condition: string): string => `tries=0
until [ -e "$root" ] && ${condition}; do
  tries=$((tries + 1))
  [ $tries -lt 2000 ] || fail "its devices did not appear"
  usleep 5000
done`;

const transports: Readonly<Record<GuestTransport, TransportParts>> = {
  serial: {
    open: `ports=/sys/class/virtio-ports/vport0p
# A port can be opened once the host has told its name; the last one comes last.
name_of_port() {
  name=
  { read -r name <"$ports$1/name"; } 2>/dev/null
  [ -n "$name" ]
}
${waiting(`name_of_port ${guestPorts.control}`)}
exec 5<>/dev/vport0p${guestPorts.control} || fail "no control port"
exec 6>/dev/vport0p${guestPorts.stdout} 7>/dev/vport0p${guestPorts.stderr} || fail "no output ports"`,
    channel: `read -r number <"\${ports}${guestPorts.channel}/dev"
mknod -m 666 /devices${guestChannelPath.slice(4)} c "\${number%:*}" "\${number#*:}" || fail "no channel"`,
    output: '>&6 2>&7',
    beforeCode: '',
    release: 'exec 6>&- 7>&-',
    releaseWhenOver: '',
  },
  vsock: {
    open: `has_vsock() {
  for device in /sys/bus/virtio/drivers/vmw_vsock_virtio_transport/virtio*; do
    [ ! -e "$device" ] || return 0
  done
  return 1
}
if [ "\${1:-}" != paired ]; then
  ${waiting('has_vsock').replaceAll('\n', '\n  ')}
  exec pair /bin/sh /init paired
fi
dial /bin/sh /bridge &
exec 1>&2 3<&- 4<&- 9<&-`,
    channel: '',
    output: '>&6 2>&7',
    // The device is one sector long until the host puts the image behind it, and the kernel learns that by an interrupt.
    beforeCode: `tries=0
  sectors=1
  until read -r sectors <"/sys/block/\${code##*/}/size" && [ "$sectors" -gt 1 ]; do
    tries=$((tries + 1))
    [ $tries -lt 1000 ] || return 1
    usleep 1000
  done
  `,
    release: 'exec 6>&- 7>&- 8>&-',
    releaseWhenOver: 'exec 6>&- 7>&- 8>&-',
  },
};

/**
 * Carries bytes between the calls over vsock and what init and agent have in their place (`pair`): calls end whenever a snapshot is taken or restored, which nobody
 * else in the guest is to notice. When the control call breaks, everything is called anew; the function stands still then. `dial` starts it, and ends it when
 * nobody takes the calls: init sees that, and the guest ends. When the agent closes its channel, the host sees that.
 */
export function guestBridge(): string {
  return `#!/bin/sh
export PATH=/bin
carry() {
  exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-
  exec cat
}
carry_channel() {
  from= to=
  trap 'kill $from $to; wait; exit' TERM
  carry <&8 >&9 &
  from=$!
  carry <&9 >&8 &
  to=$!
  exec 1>&2 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-
  wait $to
  kill $from
  wait
}
carry_channel &
all=$!
carry <&1 >&7 &
all="$all $!"
carry <&3 >&6 &
all="$all $!"
carry <&4 >&5 &
all="$all $!"
carry <&5 >&4 &
control=$!
exec 5<&- 6<&- 7<&- 8<&-
wait $control
kill $all
wait
# Taken, so that the calls come under these numbers again.
exec 5<&4 6<&4 7<&4 8<&4
exec dial /bin/sh /bridge
`;
}

/**
 * Process 1 of every guest. Sets the guest up, starts the agent inside its control group, and then obeys the host on the control port, one
 * command a line: `usage`, `code` (mount the code device), `settle` (sets the time), `freeze` (the function's processes stop, until the time is set: the program for that
 * is started ahead, for starting one takes an emulated copy 90 ms). That program, `go-on`, and `settle`, which init runs once by itself, ask for the `time` and are sent
 * 80 bytes: the time, and fresh random bytes. `go-on` answers by itself, and ends when the next command comes, or (over `serial`) mounts the code before (`goOnBytes`). Init says `started`, and
 * `exit <status> <processes killed for lack of memory>` when the agent ends. Commands that fork are few: each costs milliseconds under emulation.
 * The kernel's command line says where things are: hearth.root, hearth.code (devices), hearth.load (code is there from the start).
 */
export function guestInit(transport: GuestTransport): string {
  const { open, channel, output, beforeCode, release, releaseWhenOver } = transports[transport];
  return `#!/bin/sh
set -u
export PATH=/bin
fail() {
  echo "hearth: the guest could not be set up: $*" >/dev/console
  reboot -f
}
if [ "\${1:-}" != paired ]; then
  mount -t devtmpfs dev /dev || fail "no /dev"
  mount -t proc proc /proc || fail "no /proc"
  mount -t sysfs sys /sys || fail "no /sys"
  while read -r module; do insmod "/modules/$module" || fail "module $module"; done </modules/list
fi
root= code= load=
read -r words </proc/cmdline
for word in $words; do
  case $word in
    hearth.root=*) root=\${word#*=} ;;
    hearth.code=*) code=\${word#*=} ;;
    hearth.load) load=1 ;;
  esac
done
${open}
mount -t erofs -o ro,nosuid,nodev "$root" /root || fail "the root image is damaged"
mount -t proc -o nosuid,nodev,noexec,hidepid=invisible proc /root/proc || fail "no /proc"
. /hearth/settings
${channel}
mount -o bind /devices /root/dev && mount -o remount,bind,ro,nosuid,noexec /root/dev || fail "no /dev"
mount -t tmpfs -o mode=1777,size=16m,nosuid,nodev,noexec shm /root/dev/shm
mount -t tmpfs -o "mode=1777,size=\${tmp_mb}m,nosuid,nodev" tmp /root/tmp || fail "no /tmp"
mount -t cgroup2 cgroup /cgroup || fail "no control groups"
echo '+memory +pids +cpu' >/cgroup/cgroup.subtree_control || fail "no controllers"
mkdir /cgroup/function
echo "$memory_bytes" >/cgroup/function/memory.max && echo 1 >/cgroup/function/memory.oom.group || fail "memory is not limited"
echo 0 >/cgroup/function/memory.swap.max 2>/dev/null
echo "$max_pids" >/cgroup/function/pids.max || fail "processes are not limited"
echo "$cpu_quota_us 100000" >/cgroup/function/cpu.max || fail "CPU time is not limited"
echo sandbox >/proc/sys/kernel/hostname
ip link set lo up
if [ -n "\${network:-}" ]; then
  while read -r module; do insmod "/modules/$module" || fail "module $module"; done </modules/network
  tries=0
  until [ -e /sys/class/net/eth0 ]; do
    tries=$((tries + 1))
    [ $tries -lt 1000 ] || fail "its network card did not appear"
    usleep 1000
  done
  ip address add ${guestCard.address}/${guestCard.prefix} dev eth0 && ip link set eth0 up && ip route add default via ${guestCard.gateway} || fail "no network"
  mount -o bind /hearth/resolv.conf /root/etc/resolv.conf && mount -o remount,bind,ro,nosuid,nodev,noexec /root/etc/resolv.conf || fail "no /etc/resolv.conf"
fi
load_code() {
  ${beforeCode}mount -t erofs -o ro,nosuid,nodev "$code" /root/app
}
[ -z "$load" ] || load_code || fail "the code image is damaged"
settle <&5 || fail "the clock could not be set"
set --
while IFS= read -r word; do set -- "$@" "$word"; done </hearth/command
(
  (
    echo 0 >/cgroup/function/cgroup.procs
    exec 5>&- 6>&- 7>&-
    exec env -i "$@"
  ) </dev/null ${output} &
  wait $!
  status=$?
  killed=0
  while read -r name value; do [ "$name" != oom_kill ] || killed=$value; done </cgroup/function/memory.events
  ${releaseWhenOver}
  echo "exit $status $killed" >&5
) &
${release}
settle_and_go() {
  go-on <&5 ${thawDescriptor}>/cgroup/function/cgroup.freeze && return
  if [ $? = ${goOnStatus.noCode} ]; then
    echo 'code 0' >&5
    return
  fi
  echo 0 >/cgroup/function/cgroup.freeze
  echo 'settled 0' >&5
}
echo started >&5
while read -r request <&5; do
  case $request in
    usage)
      read -r memory </cgroup/function/memory.current
      peak=$memory
      [ ! -r /cgroup/function/memory.peak ] || read -r peak </cgroup/function/memory.peak
      read -r pids </cgroup/function/pids.current
      read -r _ cpu </cgroup/function/cpu.stat
      echo "usage $memory $peak $pids $cpu" >&5
      ;;
    code) if load_code; then echo 'code 1' >&5; else echo 'code 0' >&5; fi ;;
    settle) settle_and_go ;;
    freeze)
      echo 1 >/cgroup/function/cgroup.freeze
      frozen=0
      tries=0
      until [ "$frozen" = 1 ] || [ $tries -ge 1000 ]; do
        tries=$((tries + 1))
        while read -r name value; do [ "$name" != frozen ] || frozen=$value; done </cgroup/function/cgroup.events
      done
      echo "frozen $frozen" >&5
      settle_and_go
      ;;
  esac
done
fail "the control port is closed"
`;
}
