import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commandProgram, commandVariable } from './command-program.ts';

let directory: string;
let program: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-command-'));
  program = join(directory, 'command');
  writeFileSync(program, commandProgram(process.arch === 'arm64' ? 'arm64' : 'x64'));
  chmodSync(program, 0o755);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const run = (env: Readonly<Record<string, string>>) => spawnSync(program, { env: { ...env }, encoding: 'utf8' });
const says = `console.log(JSON.stringify([process.argv.slice(1), process.env, require('fs').readFileSync('/proc/self/limits', 'utf8')]))`;

describe('the program that begins a command', () => {
  it('becomes it with its arguments, its limits, and the rest of the environment', () => {
    const argv = [process.execPath, '-e', says, '--', 'a b', '', 'ü=1'];
    const [name, value] = commandVariable(argv, { nofile: 321, core: 0, fsize: 12_345_678_901, data: undefined });
    const { stdout, stderr } = run({ FIRST: '1', [name]: value, LAST: 'x=y' });
    expect(stderr).toBe('');
    const [args, env, limits] = JSON.parse(stdout) as [string[], Record<string, string>, string];
    expect(args).toEqual(['a b', '', 'ü=1']);
    expect(env).toEqual({ FIRST: '1', LAST: 'x=y' });
    expect(limits).toMatch(/^Max open files\s+321\s+321\s/m);
    expect(limits).toMatch(/^Max core file size\s+0\s+0\s/m);
    expect(limits).toMatch(/^Max file size\s+12345678901\s+12345678901\s/m);
  });

  it('takes as many arguments as it has room for', () => {
    const [name, value] = commandVariable(['/bin/echo', ...Array.from({ length: 1023 }, String)], {});
    expect(
      run({ [name]: value })
        .stdout.trim()
        .split(' '),
    ).toHaveLength(1023);
  });

  it('begins nothing without a command, with limits that are none, or when there is no such program', () => {
    for (const value of [undefined, 'h1', 'h1x\x01\x01/bin/echo', '/bin/echo', '\x01/nowhere', 'z1\x01\x01/bin/echo']) {
      const ended = run(value === undefined ? { OTHER: '\x01' } : { '\x01': value });
      expect([ended.status, ended.stdout, ended.stderr]).toEqual([127, '', 'the command cannot be begun\n']);
    }
    const [name, value] = commandVariable(['/bin/echo'], {});
    expect(run({ [name]: value + '\x01x'.repeat(1024) }).status).toBe(127);
  });

  it('refuses commands that it could not be told', () => {
    for (const argv of [[], ['/a', 'b\x01c'], ['/a\0b'], Array.from({ length: 1025 }, String)]) {
      expect(() => commandVariable(argv, {})).toThrow('cannot be begun');
    }
  });

  it('is a program for either processor', () => {
    expect(commandProgram('x64').readUInt16LE(18)).toBe(62);
    expect(commandProgram('arm64').readUInt16LE(18)).toBe(183);
    expect(commandProgram('arm64').readUInt32LE(64 + 56)).toBe(0xf94003e0);
  });
});
