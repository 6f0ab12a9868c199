import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { release, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { skippedFor } from '../../tests/support/skip-reason.ts';
import { statFields } from './process-stat.ts';
import { askForShortSlices } from './short-slices.ts';

let directory: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-slices-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

/** Begins another program when it is told to, and says which. */
function shell(): ChildProcess {
  const child = spawn('sh', ['-c', 'read go; sleep 60 & echo $!; wait'], { stdio: ['pipe', 'pipe', 'ignore'] });
  children.push(child);
  return child;
}
const pidOf = (child: ChildProcess): number => child.pid ?? 0;
const sliceNs = (pid: number): number =>
  Number(/^se\.slice\s*:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/sched`, 'utf8'))?.[1]);
const fieldOf = (pid: number, field: number): string | undefined =>
  statFields(readFileSync(`/proc/${pid}/stat`, 'utf8'))(field);

const [major = 0, minor = 0] = release().split('.').map(Number);
const reason =
  major < 6 || (major === 6 && minor < 12)
    ? `Linux ${release()} gives all threads slices of its own choice`
    : existsSync('/proc/self/sched')
      ? undefined
      : 'this kernel does not tell of its scheduler in /proc';

describe('short slices', () => {
  it.skipIf(reason !== undefined)(
    `are those of the process, and not of what it begins, at the priority that it has${skippedFor(reason)}`,
    async () => {
      const child = shell();
      const usual = sliceNs(pidOf(child));
      setPriority(pidOf(child), 17);
      expect(await askForShortSlices(pidOf(child), directory)).toBe(true);
      expect(sliceNs(pidOf(child))).toBe(100_000);
      expect(fieldOf(pidOf(child), 19)).toBe('17');

      child.stdin?.write('go\n');
      const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
      const begun = Number(line.toString());
      expect(sliceNs(begun)).toBe(usual);
      process.kill(begun, 'SIGKILL');
      expect(readdirSync(directory)).toEqual([]);
    },
  );

  it('are not asked for where somebody chose another policy, there is no such process, or the folder takes no program', async () => {
    const child = shell();
    execFileSync('chrt', ['--batch', '--pid', '0', String(pidOf(child))]);
    expect(await askForShortSlices(pidOf(child), directory)).toBe(false);
    expect(fieldOf(pidOf(child), 41)).toBe('3');
    expect(await askForShortSlices(2 ** 22, directory)).toBe(false);
    expect(await askForShortSlices(pidOf(shell()), join(directory, 'nowhere'))).toBe(false);
    expect(readdirSync(directory)).toEqual([]);
  });
});
