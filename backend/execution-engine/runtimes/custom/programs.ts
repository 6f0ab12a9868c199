import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { PlanMount } from '../../../core/ports/runtime-adapter.ts';

/** Where programs of the system are, also inside. The first that has one wins. */
const directories = ['/usr/bin', '/bin'] as const;

/** What a `bootstrap` that is a script may use, as far as this host has it. Small on purpose: functions bring what they need along. */
const names = [
  ...[
    'sh',
    'bash',
    'env',
    'awk',
    'base64',
    'basename',
    'cat',
    'chmod',
    'cp',
    'curl',
    'cut',
    'date',
    'diff',
    'dirname',
    'echo',
    'expr',
  ],
  ...[
    'false',
    'find',
    'grep',
    'gunzip',
    'gzip',
    'head',
    'id',
    'jq',
    'ln',
    'ls',
    'md5sum',
    'mkdir',
    'mkfifo',
    'mktemp',
    'mv',
    'nproc',
    'od',
  ],
  ...[
    'paste',
    'printenv',
    'printf',
    'pwd',
    'readlink',
    'realpath',
    'rm',
    'rmdir',
    'sed',
    'seq',
    'sha256sum',
    'sleep',
    'sort',
    'split',
    'stat',
  ],
  ...[
    'tail',
    'tar',
    'tee',
    'test',
    'timeout',
    'touch',
    'tr',
    'true',
    'uname',
    'uniq',
    'wc',
    'which',
    'xargs',
    'xxd',
    '[',
  ],
];

/** Each with the path that it has here and inside. */
export function systemPrograms(): readonly PlanMount[] {
  return names.flatMap((name) => {
    const path = directories.map((directory) => join(directory, name)).find((candidate) => existsSync(candidate));
    return path === undefined ? [] : [{ hostPath: path, guestPath: path }];
  });
}

/** Whether a script may name this interpreter in its first line. `/bin` and `/usr/bin` are one where the host has merged them. */
export function hasProgram(programs: readonly PlanMount[], path: string): boolean {
  const other = path.startsWith('/bin/') ? `/usr${path}` : path.replace(/^\/usr\/bin\//, '/bin/');
  return programs.some(({ guestPath }) => guestPath === path || guestPath === other);
}
