export interface ProcessUsage {
  /** User and system time, with that of children that were waited for. */
  readonly cpuMicroseconds: number;
  readonly peakBytes: number;
}

/** USER_HZ, in which /proc counts; 100 on every platform that Linux supports today (time(7)). */
const ticksPerSecond = 100;
/** Of /proc/<pid>/stat after the program's name, counted from 0: utime, stime, cutime, cstime (proc_pid_stat(5), fields 14 to 17). */
const firstTimeField = 11;
const timeFields = 4;

/** What the process has used since it began, in steps of 10 ms; nothing when it is gone. */
export function usageOf(pid: number | undefined): ProcessUsage {
  const nothing: ProcessUsage = { cpuMicroseconds: 0, peakBytes: 0 };
  if (pid === undefined) return nothing;
  const { readFileSync } = process.getBuiltinModule('node:fs');
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name may have blanks and brackets; the last bracket ends it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields
      .slice(firstTimeField, firstTimeField + timeFields)
      .reduce((sum, field) => sum + Number(field), 0);
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return { cpuMicroseconds: (ticks * 1e6) / ticksPerSecond, peakBytes: Number(peak ?? 0) * 1024 };
  } catch {
    return nothing;
  }
}
