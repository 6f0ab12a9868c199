import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { endOf, isRunning } from './process-end.ts';

it('tells how a process ended', async () => {
  const child = spawn(process.execPath, ['-e', 'process.exit(3)'], { stdio: 'ignore' });
  const ended = endOf(child);
  expect(isRunning(child)).toBe(true);
  expect(await ended).toEqual({ code: 3, signal: null, error: undefined });
  expect(isRunning(child)).toBe(false);
});

it('tells the signal that ended one', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const ended = endOf(child);
  child.kill('SIGKILL');
  expect(await ended).toEqual({ code: null, signal: 'SIGKILL', error: undefined });
});

it('tells why there never was one', async () => {
  const child = spawn('/there/is/no/such/program', { stdio: 'ignore' });
  const ended = endOf(child);
  expect(isRunning(child)).toBe(false);
  expect(await ended).toMatchObject({ code: null, signal: null, error: { code: 'ENOENT' } });
});
