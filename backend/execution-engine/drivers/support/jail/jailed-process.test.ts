import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { Holdings } from '../holdings.ts';
import { endOf } from '../process-end.ts';
import type { Cgroup } from './cgroup.ts';
import { endJailed, killJailed } from './jailed-process.ts';

/** A process that ends when it is killed, in a control group that the kernel says to be empty, and that notes what is done with it. */
function jailed(processes: () => readonly number[] = () => []) {
  const done: string[] = [];
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const ended = endOf(child);
  void ended.then(() => done.push('ended'));
  const kill = () => {
    done.push('kill');
    return true;
  };
  const cgroup = { kill, processes } as unknown as Cgroup;
  const holdings = new Holdings();
  holdings.hold('slot', () => done.push('slot'), 'nothing runs');
  holdings.hold('control group', () => done.push('control group'));
  return { child, ended, cgroup, holdings, done };
}

it('ends one that has not come into its control group yet, and kills nothing twice', async () => {
  const one = jailed();
  killJailed(one);
  expect(await one.ended).toMatchObject({ signal: 'SIGKILL' });
  killJailed(one);
  expect(one.done).toEqual(['kill', 'ended']);
});

it('gives back what one held only when it has ended', async () => {
  const one = jailed();
  expect(await endJailed(one)).toEqual([]);
  expect(one.done).toEqual(['kill', 'ended', 'kill', 'control group', 'slot']);
});

it('ends one without control groups', async () => {
  const one = jailed();
  expect(await endJailed({ ...one, cgroup: undefined })).toEqual([]);
  expect(one.done).toEqual(['ended', 'control group', 'slot']);
});

it('keeps the slot of one whose processes cannot be seen to', async () => {
  const one = jailed(() => {
    throw new Error('no such control group');
  });
  expect(await endJailed(one)).toEqual(['processes: no such control group']);
  expect(one.done).toEqual(['kill', 'ended', 'kill', 'control group']);
});
