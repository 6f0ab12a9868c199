import { readFileSync } from 'node:fs';
import type { ResourceUsage } from '../../../core/ports/sandbox.ts';
import { statFields } from '../../../util/process-stat.ts';

/** USER_HZ: the unit of times in /proc is 1/100 s on every Linux that Node runs on. */
const msPerTick = 10;

/** A process and all its descendants, parents first, as /proc shows them now. A process that ended is left out. */
function listTree(root: number): readonly number[] {
  const found: number[] = [];
  const queue = [root];
  for (let pid = queue.shift(); pid !== undefined; pid = queue.shift()) {
    try {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
      found.push(pid);
      if (children !== '') queue.push(...children.split(' ').map(Number));
    } catch {
      // It ended while we looked; its children belong to another parent by now.
    }
  }
  return found;
}

/** Sends a signal to a process and its descendants, again until no new one appears (one may have forked meanwhile). */
export function signalTree(root: number | undefined, signal: NodeJS.Signals): void {
  if (root === undefined) return;
  const reached = new Set<number>();
  for (let round = 0; round < 5; round++) {
    const fresh = listTree(root).filter((pid) => !reached.has(pid));
    if (fresh.length === 0) return;
    for (const pid of fresh) {
      reached.add(pid);
      signalQuietly(pid, signal);
    }
  }
}

/** SIGKILL to each; those that are gone are fine. */
export function killTree(pids: readonly number[]): void {
  for (const pid of pids) signalQuietly(pid, 'SIGKILL');
}

/** What a process and its descendants use now, and have used, without control groups. The peak is the sum of peaks. */
export function treeUsage(root: number | undefined): ResourceUsage {
  let cpuMs = 0;
  let memoryBytes = 0;
  let peakMemoryBytes = 0;
  const pids = root === undefined ? [] : listTree(root);
  for (const pid of pids) {
    try {
      const field = statFields(readFileSync(`/proc/${pid}/stat`, 'latin1'));
      // proc(5): own time and that of waited-for children.
      for (const number of [14, 15, 16, 17]) cpuMs += Number(field(number)) * msPerTick;
      const status = readFileSync(`/proc/${pid}/status`, 'latin1');
      memoryBytes += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
      peakMemoryBytes += Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
    } catch {
      // Ended meanwhile.
    }
  }
  return { cpuMs, memoryBytes, peakMemoryBytes, pids: pids.length };
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

/** When a process started, in clock ticks since boot as /proc has it, or undefined when there is no such process. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const field = statFields(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    // A zombie has ended; its parent just has not noticed.
    return field(3) === 'Z' ? undefined : field(22);
  } catch {
    return undefined;
  }
}
