import { readFileSync } from 'node:fs';

export interface KernelArguments {
  /** Devices as the guest names them, for example /dev/vda. */
  readonly root: string;
  readonly code: string;
  /** The code is on its device before the guest boots; otherwise the host says when (`code` on the control port). */
  readonly hasCode: boolean;
  /** Software emulation: walls between the guest's user and its kernel cost much there, and behind that kernel is nothing of anybody else's. */
  readonly isEmulated: boolean;
  /** How the guest ends: `t`, a triple fault, which QEMU takes for an end; `k`, the keyboard controller, which Firecracker does. */
  readonly reboot?: 't' | 'k';
}

/** The kernel's command line (Documentation/admin-guide/kernel-parameters.rst): quiet, no waiting for hardware that is not there, ends when it panics. */
export function kernelArguments(options: KernelArguments): string {
  const tscKhz = options.isEmulated ? hostTscKhz() : undefined;
  return [
    ...[
      'console=ttyS0',
      'quiet',
      'panic=-1',
      `reboot=${options.reboot ?? 't'}`,
      'random.trust_cpu=on',
      'audit=0',
      'cryptomgr.notests',
    ],
    ...['no_timer_check', '8250.nr_uarts=1', 'i8042.noaux', 'i8042.nomux', 'i8042.dumbkbd', 'rcupdate.rcu_expedited=1'],
    // Nobody in a guest reads its pressure, looks for its lockups, or loads a policy for the modules that are left out; each would run at every switch, tick or open.
    ...['psi=0', 'nowatchdog', 'lsm=landlock,yama'],
    // Calibrating against emulated timers hangs now and then; the guest's counter is the host's.
    // Without the second word the kernel compares it with its own ticks, which are late where the host is busy, and then trusts those: its clock falls behind.
    ...(tscKhz === undefined ? [] : [`tsc_early_khz=${tscKhz}`, 'tsc=reliable']),
    ...(options.isEmulated ? ['mitigations=off'] : []),
    `hearth.root=${options.root}`,
    `hearth.code=${options.code}`,
    ...(options.hasCode ? ['hearth.load'] : []),
  ].join(' ');
}

/** What /proc/cpuinfo says, in kHz; undefined where it says nothing. */
function hostTscKhz(): number | undefined {
  try {
    const mhz = /^cpu MHz\s*:\s*([\d.]+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
    return mhz === undefined ? undefined : Math.round(Number(mhz) * 1000);
  } catch {
    return undefined;
  }
}
