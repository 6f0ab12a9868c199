import { PlatformError } from '../../../../../shared/errors.ts';
import { elfProgram } from '../../../../util/elf-program.ts';
import type { FilterArch } from './seccomp/filter.ts';

/** Where the staged root has it. */
export const guestCommandProgram = '/usr/bin/hearth-command';

/** A variable that no program can set by mistake, and what parts its value. */
const name = '\x01';
const separator = '\x01';
/** The program has room for so many. */
const maxArguments = 1024;
const complaint = Buffer.from('the command cannot be begun\n');

/** getrlimit(2), asm-generic/resource.h; the same for every processor that is supported. */
const resources = { fsize: 1, data: 2, core: 4, nproc: 6, nofile: 7, memlock: 8 } as const;

/** Resource limits by their names in prlimit(1); soft and hard alike. */
export type ResourceLimits = { readonly [Key in keyof typeof resources]?: number | undefined };

/**
 * The variable of the environment that tells the program what to do: limits as a letter and a number each, an empty one, and the arguments. Throws where a command
 * cannot be told so.
 */
export function commandVariable(
  argv: readonly string[],
  limits: ResourceLimits,
): readonly [name: string, value: string] {
  if (
    argv.length === 0 ||
    argv.length > maxArguments ||
    argv.some((word) => word.includes(separator) || word.includes('\0'))
  ) {
    throw new PlatformError(
      'internal',
      'command_unusable',
      `a command of ${argv.length} words cannot be begun in a sandbox`,
    );
  }
  const words = Object.entries(resources).flatMap(([limit, number]) => {
    const value = limits[limit as keyof typeof resources];
    return value === undefined ? [] : [`${String.fromCharCode(0x61 + number)}${value}`];
  });
  return [name, [...words, '', ...argv].join(separator)];
}

/**
 * A program that reads resource limits and a command from its environment (`commandVariable`), sets the limits, and becomes the command with the rest of the environment.
 * So a launcher need not know either when it begins; and it starts in a tenth of the time of prlimit(1).
 */
export function commandProgram(arch: FilterArch): Buffer {
  return elfProgram(arch, Buffer.concat([Buffer.from(instructions[arch].join(''), 'hex'), complaint]), {
    isWritable: false,
  });
}

const x64 = [
  // environment = stack + 8 * (argument count + 2), read and written from its start; no command is known
  '488b04244c8d64c4104c89e24c89e74531ed',
  // each variable: the one whose name is \x01 is the command and left out, others move up
  '488b324883c2084885f6741666813e013d74094889374883c708ebe44c8d6e02ebde',
  // end the environment; fail without a command
  '4889374d85ed0f8496000000',
  // a limit: the byte less 'a' is the resource; \x01 in its place ends the limits
  '410fb6750049ffc583fe01743b83ee6131c0',
  // its value, decimal up to \x01
  '410fb64d0049ffc583f901741183e93083f909776f486bc00a4801c8ebe2',
  // prlimit64(0, resource, {value, value}, 0), then the next
  '505031ff4889e24531d2b82e0100000f054885c07550ebb8',
  // room for 1,024 arguments and the end
  '4881ec082000004889e74c8db42400200000',
  // each argument up to \x01, which becomes its end, or to the end of the variable
  '4c39f774374c892f4883c708410fb64d0049ffc585c9740c83f90175ef41c645ff00ebdc',
  // execve(arguments[0], arguments, environment)
  '48c70700000000488b3c244889e64c89e2b83b0000000f05',
  // failed: write(2, what is behind, 28); exit_group(127)
  'bf02000000488d3518000000ba1c000000b8010000000f05bf7f000000b8e70000000f05',
];

/** The same, step by step. */
const arm64 = [
  // environment = stack + 8 * (argument count + 2), read and written from its start; no command is known
  'e00340f9ec6f208b8c410091e2030caae3030caa0d0080d225a08752',
  // each variable: the one whose name is \x01 is the command and left out, others move up
  '418440f8010100b4240040799f00056b60000054618400f8faffff172d080091f8ffff17',
  // end the environment; fail without a command
  '7f0000f94d0500b4490180d2',
  // a limit: the byte less 'a' is the resource; \x01 in its place ends the limits
  'a11540383f0400716002005421840151060080d2',
  // its value, decimal up to \x01
  'a41540389f040071c000005484c000519f240071c8030054c610099bf9ffff17',
  // prlimit64(0, resource, {value, value}, 0), then the next
  'e61bbfa9000080d2e2030091030080d2a82080d2010000d4a00200b5ecffff17',
  // room for 1,024 arguments and the end
  'ff0b40d1ff4300d1e303009167084091',
  // each argument up to \x01, which becomes its end, or to the end of the variable
  '7f0007ebc00100546d8400f8a4154038a40000349f040071a1ffff54bff11f38f8ffff17',
  // execve(arguments[0], arguments, environment)
  '7f0000f9e00340f9e1030091e2030caaa81b80d2010000d4',
  // failed: write(2, what is behind, 28); exit_group(127)
  '400080d2e1000010820380d2080880d2010000d4e00f80d2c80b80d2010000d4',
];

const instructions = { x64, arm64 } as const;
