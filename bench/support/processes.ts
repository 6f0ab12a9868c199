import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { statFields } from '../../backend/util/process-stat.ts';
import { readProcess } from '../../tests/support/process-tree.ts';

/** CPU time in ms and resident memory in bytes of one process, from /proc (proc(5): utime and stime in clock ticks of 10 ms). */
export function usageOf(pid: number): { readonly cpuMs: number; readonly rssBytes: number } {
  const field = statFields(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return { cpuMs: (Number(field(14)) + Number(field(15))) * 10, rssBytes: Number(field(24)) * 4096 };
}

/** Of these processes together, proportional to who shares a page, or of pages that they share with nobody. smaps_rollup: proc(5). */
export function kibOf(processes: readonly { readonly pid: number }[], kind: 'Pss' | 'Private'): number {
  const line = kind === 'Pss' ? /^Pss:\s+(\d+) kB/gm : /^Private_(?:Clean|Dirty):\s+(\d+) kB/gm;
  return processes
    .flatMap(({ pid }) => [...readProcess(pid, 'smaps_rollup').toString().matchAll(line)])
    .reduce((sum, [, kib]) => sum + Number(kib), 0);
}

export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

/** Starts a server process and waits until it answers. */
export async function startServer(command: string, argv: readonly string[], url: string): Promise<ChildProcess> {
  const child = spawn(command, argv, { stdio: ['ignore', 'ignore', 'inherit'] });
  for (let i = 0; i < 500; i++) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}`);
    try {
      await fetch(url, { method: 'POST', body: '{}' });
      return child;
    } catch {
      await sleep(20);
    }
  }
  child.kill('SIGKILL');
  throw new Error(`${command} did not answer at ${url}`);
}

export async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}
