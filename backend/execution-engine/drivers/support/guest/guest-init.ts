/** Numbers of the virtio-serial ports between host and guest; 0 is reserved for a console. */
export const guestPorts = { channel: 1, stdout: 2, stderr: 3, control: 4 } as const;

/** Where the agent finds the channel to the host. */
export const guestChannelPath = '/dev/hearth-channel';

/**
 * Process 1 of every guest. Sets the guest up, starts the agent inside its control group, and then obeys the host on the control port, one
 * command a line: `usage`, `code` (mount the code device), `settle` (80 bytes follow: the time and fresh random bytes). Asks the host for the `time` once (answered as `settle` is), says `started`, and
 * `exit <status> <processes killed for lack of memory>` when the agent ends. Commands that fork are few: each costs milliseconds under emulation.
 * The kernel's command line says where things are: hearth.root, hearth.code (devices), hearth.load (code is there from the start).
 */
export const guestInit = `#!/bin/sh
set -u
export PATH=/bin
fail() {
  echo "hearth: the guest could not be set up: $*" >/dev/console
  reboot -f
}
mount -t devtmpfs dev /dev || fail "no /dev"
mount -t proc proc /proc || fail "no /proc"
mount -t sysfs sys /sys || fail "no /sys"
while read -r module; do insmod "/modules/$module" || fail "module $module"; done </modules/list
root= code= load=
read -r words </proc/cmdline
for word in $words; do
  case $word in
    hearth.root=*) root=\${word#*=} ;;
    hearth.code=*) code=\${word#*=} ;;
    hearth.load) load=1 ;;
  esac
done
ports=/sys/class/virtio-ports/vport0p
# A port can be opened once the host has told its name; the last one comes last.
name_of_port() {
  name=
  { read -r name <"$ports$1/name"; } 2>/dev/null
  [ -n "$name" ]
}
tries=0
until [ -e "$root" ] && name_of_port ${guestPorts.control}; do
  tries=$((tries + 1))
  [ $tries -lt 2000 ] || fail "its devices did not appear"
  usleep 5000
done
exec 5<>/dev/vport0p${guestPorts.control} || fail "no control port"
exec 6>/dev/vport0p${guestPorts.stdout} 7>/dev/vport0p${guestPorts.stderr} || fail "no output ports"
mount -t erofs -o ro,nosuid,nodev "$root" /root || fail "the root image is damaged"
mount -t proc -o nosuid,nodev,noexec,hidepid=invisible proc /root/proc || fail "no /proc"
. /hearth/settings
read -r number <"\${ports}${guestPorts.channel}/dev"
mknod -m 666 /devices${guestChannelPath.slice(4)} c "\${number%:*}" "\${number#*:}" || fail "no channel"
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
load_code() { mount -t erofs -o ro,nosuid,nodev "$code" /root/app; }
[ -z "$load" ] || load_code || fail "the code image is damaged"
echo time >&5
settle <&5 || fail "the clock could not be set"
set --
while IFS= read -r word; do set -- "$@" "$word"; done </hearth/command
(
  (
    echo 0 >/cgroup/function/cgroup.procs
    exec 5>&-
    exec env -i "$@"
  ) </dev/null >&6 2>&7 &
  wait $!
  status=$?
  killed=0
  while read -r name value; do [ "$name" != oom_kill ] || killed=$value; done </cgroup/function/memory.events
  echo "exit $status $killed" >&5
) &
exec 6>&- 7>&-
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
    settle) if settle <&5; then echo 'settled 1' >&5; else echo 'settled 0' >&5; fi ;;
  esac
done
fail "the control port is closed"
`;
