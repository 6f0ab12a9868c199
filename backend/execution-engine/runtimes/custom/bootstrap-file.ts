import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PlanMount } from '../../../core/ports/runtime-adapter.ts';
import { hasProgram } from './programs.ts';

const bootstrapName = 'bootstrap';

const headBytes = 4096;
const anyMayExecute = 0o111;
/** e_machine of elf(5) by what Node calls `process.arch`. */
const machines: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };
const machineNames: Readonly<Record<number, string>> = {
  3: 'x86 (32 bits)',
  40: 'arm (32 bits)',
  62: 'x64',
  183: 'arm64',
};
const elfMagic = '\x7fELF';
/** Offsets in the header of a 64-bit ELF file and its program headers (elf(5)). */
const elf = { class: 4, machine: 18, programHeaders: 32, headerSize: 54, headerCount: 56, interpreterType: 3 } as const;

/**
 * What is wrong with a bundle's `bootstrap`, or undefined: it must be there, executable, and a program that can start inside a sandbox. It is
 * not run.
 */
export async function findBootstrapIssue(
  directory: string,
  programs: readonly PlanMount[],
): Promise<string | undefined> {
  const path = join(directory, bootstrapName);
  const info = await stat(path).catch(() => undefined);
  if (info === undefined || !info.isFile())
    return 'is missing: the program of a custom runtime is the file `bootstrap` at the top of the bundle';
  if ((info.mode & anyMayExecute) === 0) return 'is not executable; chmod +x bootstrap, then pack it again';
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    const head = buffer.subarray(0, bytesRead);
    if (head.toString('latin1', 0, 2) === '#!') return scriptIssue(head, programs);
    if (head.toString('latin1', 0, 4) === elfMagic) return elfIssue(head);
    return 'is neither a Linux program (ELF) nor a script that begins with #!, for example #!/bin/sh';
  } finally {
    await file.close();
  }
}

function scriptIssue(head: Buffer, programs: readonly PlanMount[]): string | undefined {
  const line = head.toString('utf8', 2).split('\n', 1)[0] ?? '';
  if (line.endsWith('\r')) return 'has a first line that ends with a carriage return; save it with Unix line ends';
  const [interpreter = '', argument = ''] = line.trim().split(/\s+/);
  const isOwn = interpreter.startsWith('/app/');
  if (!isOwn && !hasProgram(programs, interpreter))
    return `asks for ${interpreter || 'no interpreter'}, which sandboxes do not have; they have ${listOf(programs)}`;
  const isNamed = /\/env$/.test(interpreter) && argument !== '' && !argument.startsWith('-');
  if (isNamed && !hasProgram(programs, `/usr/bin/${argument}`))
    return `asks env for ${argument}, which sandboxes do not have; they have ${listOf(programs)}`;
  return undefined;
}

function listOf(programs: readonly PlanMount[]): string {
  return programs.map(({ guestPath }) => guestPath.slice(guestPath.lastIndexOf('/') + 1)).join(', ');
}

function elfIssue(head: Buffer): string | undefined {
  const machine = head.readUInt16LE(elf.machine);
  if (machine !== machines[process.arch] || head[elf.class] !== 2) {
    const what = machineNames[machine] ?? `machine ${machine}`;
    return `is a program for ${what}; this host is ${process.arch}: build it for that`;
  }
  const loader = interpreterOf(head);
  if (loader === undefined || /\/ld-linux[^/]*$/.test(loader)) return undefined;
  return `is linked with ${loader}, which sandboxes do not have; link it statically, or with the GNU C library`;
}

/** PT_INTERP: the loader that a dynamically linked program asks for. The headers are at the beginning of every file that a linker writes. */
function interpreterOf(head: Buffer): string | undefined {
  const start = Number(head.readBigUInt64LE(elf.programHeaders));
  const size = head.readUInt16LE(elf.headerSize);
  for (let i = 0; i < head.readUInt16LE(elf.headerCount); i++) {
    const at = start + i * size;
    if (at + 56 > head.length) return undefined;
    if (head.readUInt32LE(at) !== elf.interpreterType) continue;
    const offset = Number(head.readBigUInt64LE(at + 8));
    const length = Number(head.readBigUInt64LE(at + 32));
    return head.toString('latin1', offset, offset + Math.max(0, length - 1));
  }
  return undefined;
}
