import { readdirSync, readFileSync } from 'node:fs';

/** fcntl.h O_CLOEXEC as /proc/<pid>/fdinfo shows it (octal). */
const closeOnExec = 0o2000000;
/** Up to here a sandbox is given descriptors of its own, which take the place of what is there. */
const lastUsedDescriptor = 6;

/**
 * Open descriptors that a child would inherit, for example of a shell or supervisor that started the platform. Node's own close by
 * themselves. Each would be open inside every sandbox.
 */
export function findStrayDescriptors(): readonly number[] {
  const stray: number[] = [];
  for (const name of readdirSync('/proc/self/fdinfo')) {
    const descriptor = Number(name);
    if (descriptor <= lastUsedDescriptor) continue;
    try {
      const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'utf8'))?.[1] ?? '0';
      if ((Number.parseInt(flags, 8) & closeOnExec) === 0) stray.push(descriptor);
    } catch {
      // The descriptor of the directory listing itself is closed by now.
    }
  }
  return stray;
}

/** What to start instead of `file`, so that it does not inherit these descriptors. Without any, the program itself. */
export function closingLauncher(
  file: string,
  args: readonly string[],
  stray: readonly number[],
): { readonly file: string; readonly args: readonly string[] } {
  if (stray.length === 0) return { file, args };
  // bash and not sh: dash knows no descriptors above 9. Numbers only, so there is nothing to quote.
  const closing = stray.map((descriptor) => `${descriptor}>&-`).join(' ');
  return {
    file: '/bin/bash',
    args: ['--norc', '--noprofile', '-c', `exec ${closing}; exec "$@"`, 'launch', file, ...args],
  };
}
