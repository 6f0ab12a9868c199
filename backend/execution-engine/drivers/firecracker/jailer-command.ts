const maxOpenFiles = 256;

export interface JailerOptions {
  readonly jailer: string;
  readonly firecracker: string;
  readonly id: string;
  /** A number of its own for every microVM: user and group. */
  readonly uid: number;
  /** Below it the jailer makes `<name of the program>/<id>/root`. */
  readonly baseDirectory: string;
  readonly apiSocket: string;
  /** A file of the microVM's user may not grow further. */
  readonly maxFileBytes: number;
}

/**
 * The command that becomes Firecracker in its jail. It waits for a line first, in which time it is put into its control group; has a network namespace with nothing
 * in it, and IPC and host name of its own; the jailer then makes a mount namespace, changes the root, drops root's rights, and Firecracker limits its
 * own system calls.
 */
export function jailerCommand(options: JailerOptions): { readonly file: string; readonly args: readonly string[] } {
  const { jailer, firecracker, id, uid, baseDirectory, apiSocket, maxFileBytes } = options;
  const jail = [
    jailer,
    ...['--id', id, '--exec-file', firecracker],
    ...['--uid', String(uid), '--gid', String(uid)],
    ...['--chroot-base-dir', baseDirectory],
    ...['--resource-limit', `fsize=${maxFileBytes}`, '--resource-limit', `no-file=${maxOpenFiles}`],
    ...['--', '--api-sock', apiSocket],
  ];
  const script = 'read -r go && exec "$@" </dev/null';
  return { file: '/bin/sh', args: ['-c', script, 'jail', 'unshare', '--net', '--ipc', '--uts', ...jail] };
}
