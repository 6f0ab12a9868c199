import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessFacts {
  readonly pid: number;
  readonly commandLine: Buffer;
  /** As it was when the program started. */
  readonly environment: Buffer;
}

/** A file of a process in /proc; empty when the process ended meanwhile, or may not be looked at. */
export const readProcess = (pid: number, name: string): Buffer => {
  try {
    return readFileSync(`/proc/${pid}/${name}`);
  } catch {
    return Buffer.alloc(0);
  }
};

/** A process and everything below it, as /proc shows them to this process. */
export function platformTree(root: number): readonly ProcessFacts[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      const parent = /^PPid:\s+(\d+)/m.exec(readProcess(Number(name), 'status').toString())?.[1];
      return { pid: Number(name), parent: Number(parent ?? 0) };
    });
  const found = [root];
  for (const pid of found) for (const child of parents) if (child.parent === pid) found.push(child.pid);
  return found.map((pid) => ({
    pid,
    commandLine: readProcess(pid, 'cmdline'),
    environment: readProcess(pid, 'environ'),
  }));
}
