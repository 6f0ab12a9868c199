import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { snapshotType, takeOut } from './snapshot-outbox.ts';

let directory: string;
let paths: { readonly state: string; readonly memory: string };
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-outbox-'));
  paths = { state: join(directory, 'state'), memory: join(directory, 'memory') };
  writeFileSync(paths.state, 'devices');
  writeFileSync(paths.memory, Buffer.alloc(8192, 7));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('what Firecracker has written of a snapshot', () => {
  it('is taken out of the jail', async () => {
    const { state, memory } = await takeOut(paths, 8192);
    expect(state.toString()).toBe('devices');
    expect((await memory.read(Buffer.alloc(1), 0, 1, 8191)).bytesRead).toBe(1);
    expect([existsSync(paths.state), existsSync(paths.memory)]).toEqual([false, false]);
    await memory.close();
  });

  it.each([
    ['memory of another size', () => truncateSync(paths.memory, 4096), 'snapshot_not_written'],
    ['more state than there can be', () => truncateSync(paths.state, 17 * 1024 * 1024), 'snapshot_not_written'],
    ['no state', () => rmSync(paths.state), 'ENOENT'],
    ['a link to a file of the host', () => link(paths.state), 'ELOOP'],
    ['a link in place of the memory', () => link(paths.memory), 'ELOOP'],
    ['a FIFO, which would be waited for', () => fifo(paths.memory), 'snapshot_not_written'],
  ])('is refused and gone: %s', async (_what, spoil, code) => {
    const victim = join(directory, 'victim');
    writeFileSync(victim, Buffer.alloc(8192));
    spoil();
    await expect(takeOut(paths, 8192)).rejects.toMatchObject({ code });
    expect([existsSync(paths.state), existsSync(paths.memory), existsSync(victim)]).toEqual([false, false, true]);
  });

  const link = (path: string): void => {
    rmSync(path);
    symlinkSync(join(directory, 'victim'), path);
  };
  const fifo = (path: string): void => {
    rmSync(path);
    execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', path]);
  };
});

it('asks for what the guest has touched where mincore(2) tells it, and for all where pages may be swapped out', async () => {
  const swaps = (lines: string): string => {
    const path = join(directory, 'swaps');
    writeFileSync(path, `Filename Type Size Used Priority\n${lines}`);
    return path;
  };
  expect(await snapshotType('1.12.1', swaps(''))).toBe('Full');
  expect(await snapshotType('1.13.0', swaps(''))).toBe('Diff');
  expect(await snapshotType('1.17.0-dev', swaps('/dev/sda2 partition 1 0 -2\n'))).toBe('Full');
  expect(await snapshotType('', swaps(''))).toBe('Full');
});
