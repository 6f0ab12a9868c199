import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findBootstrapIssue } from './bootstrap-file.ts';

const programs = ['/usr/bin/sh', '/usr/bin/env', '/usr/bin/jq'].map((path) => ({ hostPath: path, guestPath: path }));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hearth-bootstrap-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function issueOf(content: string | Buffer, mode = 0o755): Promise<string | undefined> {
  writeFileSync(join(directory, 'bootstrap'), content, { mode });
  return await findBootstrapIssue(directory, programs);
}

/** The head of a 64-bit program, with a loader if it is linked dynamically. */
function elf(machine: number, loader?: string): Buffer {
  const file = Buffer.alloc(256);
  file.write('\x7fELF\x02\x01\x01', 'latin1');
  file.writeUInt16LE(machine, 18);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  if (loader === undefined) return file;
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(3, 64);
  file.writeBigUInt64LE(128n, 64 + 8);
  file.writeBigUInt64LE(BigInt(loader.length + 1), 64 + 32);
  file.write(loader, 128, 'latin1');
  return file;
}
const here = process.arch === 'arm64' ? 183 : 62;
const elsewhere = process.arch === 'arm64' ? 62 : 183;

describe('findBootstrapIssue', () => {
  it.each([
    ['a shell script', '#!/bin/sh\nexit 0\n'],
    ['a script by the other name of the same folder', '#! /usr/bin/sh -e\n'],
    ['a program that env finds', '#!/usr/bin/env jq\n'],
    ['an interpreter of its own', '#!/app/lua\n'],
    ['a static program', elf(here)],
    ['a program of the GNU C library', elf(here, '/lib64/ld-linux-x86-64.so.2')],
  ])('lets %s pass', async (_what, content) => {
    expect(await issueOf(content)).toBeUndefined();
  });

  it.each([
    [
      'an interpreter that sandboxes lack',
      '#!/usr/bin/ruby\n',
      'asks for /usr/bin/ruby, which sandboxes do not have; they have sh, env, jq',
    ],
    ['env with one', '#!/usr/bin/env ruby\n', 'asks env for ruby'],
    ['Windows line ends', '#!/bin/sh\r\nexit 0\r\n', 'Unix line ends'],
    ['text', 'echo hello\n', 'neither a Linux program'],
    ['nothing', '', 'neither a Linux program'],
    ['a program for another processor', elf(elsewhere), `this host is ${process.arch}: build it for that`],
    ['a program for another C library', elf(here, '/lib/ld-musl-x86_64.so.1'), 'link it statically'],
  ])('refuses %s', async (_what, content, words) => {
    expect(await issueOf(content)).toContain(words);
  });

  it('refuses what is not there, not executable or not a file', async () => {
    expect(await findBootstrapIssue(directory, programs)).toContain('is missing');
    expect(await issueOf('#!/bin/sh\n', 0o644)).toContain('chmod +x');
  });
});
