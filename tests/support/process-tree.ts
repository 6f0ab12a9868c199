import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessFacts {
  readonly pid: number;
  readonly commandLine: Buffer;
  /** As it was when the program started. */
  readonly environment: Buffer;
}

const read = (pid: number, name: string): Buffer => {
  try {
    return readFileSync(`/proc/${pid}/${name}`);
  } catch {
    // It ended meanwhile, or belongs to somebody else: nothing that this process could see.
    return Buffer.alloc(0);
  }
};

/** A process and everything below it, as /proc shows them to this process. */
export function platformTree(root: number): readonly ProcessFacts[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      const parent = /^PPid:\s+(\d+)/m.exec(read(Number(name), 'status').toString())?.[1];
      return { pid: Number(name), parent: Number(parent ?? 0) };
    });
  const found = [root];
  for (const pid of found) for (const child of parents) if (child.parent === pid) found.push(child.pid);
  return found.map((pid) => ({ pid, commandLine: read(pid, 'cmdline'), environment: read(pid, 'environ') }));
}
