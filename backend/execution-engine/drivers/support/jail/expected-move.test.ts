import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';

/** With nothing remembered of other mounts. */
async function fresh() {
  vi.resetModules();
  return (await import('./expected-move.ts')).expectMove;
}

it('moves this process to the group that it is in now, and makes no file', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-move-'));
  try {
    const expectMove = await fresh();
    writeFileSync(
      join(directory, 'mountinfo'),
      `1 2 0:3 / ${directory} rw - cgroup2 none rw\n4 2 0:5 / /tmp rw - tmpfs none rw\n`,
    );
    for (const group of ['one', 'two']) {
      mkdirSync(join(directory, group));
      writeFileSync(join(directory, group, 'cgroup.procs'), '');
      writeFileSync(join(directory, 'cgroup'), `0::/${group}\n`);
      await expectMove(directory);
      expect(readFileSync(join(directory, group, 'cgroup.procs'), 'utf8')).toBe(String(process.pid));
    }
    writeFileSync(join(directory, 'one', 'cgroup.procs'), '');
    mkdirSync(join(directory, 'three'));
    writeFileSync(join(directory, 'cgroup'), '0::/three\n');
    await expectMove(directory);
    expect(readdirSync(join(directory, 'three'))).toEqual([]);
    expect(readFileSync(join(directory, 'one', 'cgroup.procs'), 'utf8')).toBe('');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

it('leaves this process where it is, and does nothing where there are no groups', async () => {
  const before = readFileSync('/proc/self/cgroup', 'utf8');
  await (await fresh())();
  expect(readFileSync('/proc/self/cgroup', 'utf8')).toBe(before);
  await (await fresh())('/proc/no/such');
});
